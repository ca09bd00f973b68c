"""Registries of mmdsnas: children of mmengine's roots, scope ``mmdsnas``.

A config reaches what is registered here by ``default_scope = 'mmdsnas'`` or,
from another scope, by a name like ``mmdsnas.DSNAS``. ``locations`` makes
mmengine import the modules when they are first asked for. Every root has a
child, also where nothing is registered: mmengine warns about a default scope
that lacks one.
"""

from contextlib import contextmanager
from importlib import import_module
from typing import Callable, Iterator

from mmengine import registry as root
from mmengine.registry import DefaultScope, Registry

SCOPE = 'mmdsnas'
# Where names without a prefix are looked up last, in this order.
NEIGHBOURS = ('mmcls', 'mmrazor')


class SearchRegistry(Registry):
    """A registry that also finds what mmcls and MMRazor register.

    mmengine looks a name without a prefix up in the default scope alone. Here that of
    mmcls, of MMRazor and of other packages follow, whatever the default scope is.
    """

    def get(self, key: str) -> Callable | None:
        """See mmengine's ``Registry``."""
        plain = isinstance(key, str) and '.' not in key
        for place in self.places() if plain else ():
            place.import_from_location()
            if key in place.module_dict:
                return place.module_dict[key]
        return super().get(key)

    def places(self) -> Iterator[Registry]:
        """Where a name without a prefix is looked up, in this order."""
        yield self
        yield self.root
        for scope in NEIGHBOURS:
            import_module(f'{scope}.registry')
        others = self.root.children
        yield from (others[scope] for scope in NEIGHBOURS if scope in others)
        yield from (r for scope, r in others.items() if scope not in NEIGHBOURS)

    @contextmanager
    def switch_scope_and_registry(self, scope: str | None) -> Iterator[Registry]:
        """See mmengine's ``Registry``; what is built inside is looked up so, too."""
        current = DefaultScope.get_current_instance()
        if scope is None and current is not None and current.scope_name != SCOPE:
            scope = SCOPE
        with super().switch_scope_and_registry(scope) as scoped:
            yield scoped


def _child(parent: Registry, *locations: str) -> SearchRegistry:
    return SearchRegistry(
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

MODELS = _child(root.MODELS, 'models', 'subnets')
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
