"""What an architecture must return as its losses."""

from typing import Any, Mapping

from torch import Tensor
from torch.utils._pytree import tree_map

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
    lists = {}
    if isinstance(losses, Mapping):
        lists = {n: v if isinstance(v, list) else [v] for n, v in losses.items()}
    counted = {name: parts for name, parts in lists.items() if 'loss' in str(name)}
    fit = [
        isinstance(part, Tensor) and part.is_floating_point()
        for parts in lists.values()
        for part in parts or [None]
    ]
    if not counted or not all(fit):
        raise ConfigError(
            'model.architecture must return a dict of floating tensors, or lists of '
            'them, with "loss" in the names of those that mmengine adds up, but '
            f'returns {shown(tree_map(_kind, losses))}.'
        )
    parts = [part for parts in counted.values() for part in parts]
    if trains and not any(part.requires_grad for part in parts):
        raise ConfigError(
            'model.architecture must return losses with a gradient, but '
            f'{shown(list(counted))} has none: it depends on no weight that is '
            'trained, or was detached.'
        )


def _kind(value: Any) -> str:
    return str(value.dtype if isinstance(value, Tensor) else type(value).__name__)
