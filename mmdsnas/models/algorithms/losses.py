"""What an architecture must return as its losses."""

from typing import Any, Mapping

from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.utils.words import shown


def check_losses(losses: Any, trains: bool) -> None:
    """Refuses losses that mmengine could not add up, or that train nothing.

    Args:
        losses (Any): What an architecture returned in mmengine's ``mode='loss'``.
        trains (bool): Whether they must have a gradient.

    Raises:
        ConfigError: They are no dict of tensors, or of lists of these; none of the
            names has ``loss`` in it; or none of those that have has a gradient.
    """
    if not isinstance(losses, Mapping):
        raise ConfigError(
            'model.architecture must return a dict of losses, but returns '
            f'{_kind(losses)}.'
        )
    lists = {n: v if isinstance(v, list) else [v] for n, v in losses.items()}
    for name, parts in lists.items():
        floats = [isinstance(p, Tensor) and p.is_floating_point() for p in parts]
        if not parts or not all(floats):
            raise ConfigError(
                'model.architecture must return a dict of losses, floating tensors or '
                f'lists of them, but {shown(name)} is {_kind(losses[name])}.'
            )
    counted = {name: parts for name, parts in lists.items() if 'loss' in str(name)}
    if not counted:
        raise ConfigError(
            'model.architecture must return a dict of losses with "loss" in their '
            'names, as mmengine adds up these alone, but the names are '
            f'{shown(list(losses))}.'
        )
    if trains and not any(part.requires_grad for part in sum(counted.values(), [])):
        raise ConfigError(
            'model.architecture must return a dict of losses with a gradient, but '
            f'{shown(list(counted))} has none: it depends on no weight that is '
            'trained, or was detached.'
        )


def _kind(value: Any) -> str:
    if isinstance(value, list):
        return f'a list of {", ".join(map(_kind, value))}' if value else 'an empty list'
    if isinstance(value, Tensor):
        return f'a tensor of {value.dtype} and shape {tuple(value.shape)}'
    return f'a {type(value).__name__}'
