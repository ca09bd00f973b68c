"""Registries of mmdsnas: children of mmengine's roots, scope ``mmdsnas``.

A config reaches what is registered here by ``default_scope = 'mmdsnas'`` or,
from another scope, by a name like ``mmdsnas.DSNAS``. ``locations`` makes
mmengine import the modules when they are first asked for. Every root has a
child, also where nothing is registered: mmengine warns about a default scope
that lacks one.
"""

from mmengine import registry as root
from mmengine.registry import Registry

SCOPE = 'mmdsnas'


def _child(parent: Registry, *locations: str) -> Registry:
    return Registry(
        parent.name,
        parent=parent,
        scope=SCOPE,
        locations=[f'{SCOPE}.{location}' for location in locations],
    )


RUNNERS = _child(root.RUNNERS)
RUNNER_CONSTRUCTORS = _child(root.RUNNER_CONSTRUCTORS)
LOOPS = _child(root.LOOPS, 'engine')
HOOKS = _child(root.HOOKS, 'engine')
LOG_PROCESSORS = _child(root.LOG_PROCESSORS, 'engine')
STRATEGIES = _child(root.STRATEGIES)

DATASETS = _child(root.DATASETS, 'datasets')
DATA_SAMPLERS = _child(root.DATA_SAMPLERS, 'datasets')
TRANSFORMS = _child(root.TRANSFORMS, 'datasets')

MODELS = _child(root.MODELS, 'models', 'structures')
MODEL_WRAPPERS = _child(root.MODEL_WRAPPERS)
WEIGHT_INITIALIZERS = _child(root.WEIGHT_INITIALIZERS)
TASK_UTILS = _child(root.TASK_UTILS, 'models', 'engine')
FUNCTIONS = _child(root.FUNCTIONS, 'engine')

OPTIMIZERS = _child(root.OPTIMIZERS)
OPTIM_WRAPPERS = _child(root.OPTIM_WRAPPERS, 'engine')
OPTIM_WRAPPER_CONSTRUCTORS = _child(root.OPTIM_WRAPPER_CONSTRUCTORS, 'engine')
PARAM_SCHEDULERS = _child(root.PARAM_SCHEDULERS)

METRICS = _child(root.METRICS)
EVALUATOR = _child(root.EVALUATOR)
INFERENCERS = _child(root.INFERENCERS)
VISUALIZERS = _child(root.VISUALIZERS)
VISBACKENDS = _child(root.VISBACKENDS)
