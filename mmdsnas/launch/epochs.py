"""What depends on how many epochs a run has, and of which child they are."""

import math
import re
from typing import Any, Mapping

from mmengine.config import Config

from mmdsnas.models.cost import COSTS, given_limits, split_limits
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
    if tuned:
        set_restarts(config, epochs, tuned)


def set_restarts(config: Config, epochs: int, tuned: int) -> None:
    """Sets where learning rates begin anew: where a smaller child is trained.

    Args:
        config (Config): Of a search in a pretrained network, or of such a network that
            is trained alone.
        epochs (int): In all.
        tuned (int): Of them for the network as it is.
    """
    periods = [epochs] if _keeps_network(config) else [tuned, epochs - tuned]
    for scheduler in schedules_of_weights(config):
        if type_name(scheduler) == 'CosineRestartLR':
            weights = [1] * len(periods)
            scheduler.update(periods=periods, restart_weights=weights, end=epochs)


def _keeps_network(config: Config) -> bool:
    """Whether the network itself is the child, as far as limits in percent tell."""
    hooks = map(type_name, config.get('custom_hooks') or ())
    if 'ChooseChildHook' not in hooks:
        # It is trained alone.
        return True
    _, limits = split_limits(config.model.get('cost') or {})
    given = map(given_limits, limits)
    return any(not own or own.keys() == {'flops'} and _is_all(own) for own in given)


def _is_all(limit: Mapping[str, Any]) -> bool:
    part = re.fullmatch(r'(\d+(?:\.\d+)?) ?%', str(limit['flops']))
    return part is not None and float(part[1]) >= 100


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
