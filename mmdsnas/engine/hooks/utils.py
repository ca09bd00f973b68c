import torch.nn as nn
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS


def model_of(runner: Runner) -> nn.Module:
    """The model of a runner, without its distributed wrapper."""
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def algorithm_of(runner: Runner) -> DSNAS:
    """The algorithm that a runner trains, without its distributed wrapper.

    Raises:
        ConfigError: The runner trains something else.
    """
    model = model_of(runner)
    if not isinstance(model, DSNAS):
        raise ConfigError(
            'the hooks of mmdsnas serve a model of type '
            f'mmdsnas.DSNAS, but it is {type(model).__name__}.'
        )
    return model
