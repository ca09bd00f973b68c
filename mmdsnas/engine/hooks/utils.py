from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS


def algorithm_of(runner: Runner) -> DSNAS:
    """The algorithm that a runner trains, without its distributed wrapper.

    Raises:
        ConfigError: The runner trains something else.
    """
    model = runner.model
    model = model.module if is_model_wrapper(model) else model
    if not isinstance(model, DSNAS):
        raise ConfigError(
            'the hooks of mmdsnas serve a model of type '
            f'mmdsnas.DSNAS, but it is {type(model).__name__}.'
        )
    return model
