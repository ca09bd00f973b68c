"""What depends on how many epochs a run has, and of which child they are."""

import math
from typing import Any

from mmengine.config import Config

from mmdsnas.models.cost import COSTS, given_limits
from mmdsnas.utils.config_values import type_name
from .run_options import schedules_of_weights

# Validations and checkpoints of a run; on few images they cost more than its steps.
VALIDATIONS = 20


def set_epochs(config: Config, epochs: int, tuned: int | None) -> None:
    """Sets what depends on how many epochs there are.

    Args:
        config (Config): Of a search, or of a network that is trained alone.
        epochs (int): In all.
        tuned (int, optional): Of them for a pretrained network as it is.
    """
    every = math.ceil(epochs / VALIDATIONS)
    config.train_cfg.update(max_epochs=epochs, val_interval=every)
    checkpoint = config.get('default_hooks', {}).get('checkpoint')
    if checkpoint is not None:
        checkpoint.interval = every
    for scheduler in schedules_of_weights(config):
        if type_name(scheduler) == 'CosineAnnealingLR':
            scheduler.end = epochs
            scheduler.T_max = epochs - scheduler.get('begin', 0)
        elif type_name(scheduler) == 'CosineRestartLR' and tuned:
            scheduler.end = epochs
            # A network that is trained alone has one.
            periods = [tuned, epochs - tuned]
            scheduler.periods = periods[: len(scheduler.periods)]
            scheduler.periods[-1] += epochs - sum(scheduler.periods)


def limit_name(limit: Any) -> str:
    """The name of a limit, for ``front.csv`` and a folder.

    It is ``25%`` or ``3`` for one on MFLOPs, ``flops-3-params-2`` for others.
    """
    given = given_limits(limit)
    words = {name: _amount(given[name]) for name in COSTS if name in given}
    if [*words] == ['flops']:
        return words['flops']
    return '-'.join(f'{name}-{amount}' for name, amount in words.items())


def _amount(limit: Any) -> str:
    is_number = isinstance(limit, (int, float))
    return f'{limit:g}' if is_number else str(limit).replace(' ', '')
