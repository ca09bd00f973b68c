"""Whether the weights of a checkpoint are those of a model."""

from pathlib import Path
from typing import Any, Callable, Mapping

import torch
import torch.nn as nn
from torch import Tensor

from mmdsnas.errors import CheckpointError
from mmdsnas.utils.words import shown

# What a weight, and a counter, may be saved as.
FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WHOLE = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)

COUNTER = 'num_batches_tracked'


def load_weights(
    model: nn.Module, checkpoint: dict[str, Any], path: str | Path
) -> None:
    """Loads the weights of a checkpoint into a model, all of them or none.

    Raises:
        CheckpointError: The checkpoint, of the file ``path``, is of another model.
    """
    weights, own = without_module(checkpoint['state_dict']), model.state_dict()
    _refuse(_unfit(own, weights), path)
    kept = {key: value.clone() for key, value in own.items()}
    try:
        # Only now the model adapts the names that older versions saved.
        found = model.load_state_dict(weights, strict=False)
    except CheckpointError as error:
        model.load_state_dict(kept)
        raise CheckpointError(f'checkpoint {path}: {error}') from error
    if found.missing_keys or found.unexpected_keys:
        model.load_state_dict(kept)
    _refuse(_other_names(found.missing_keys, found.unexpected_keys), path)


def check_weights(
    own: Mapping[str, Tensor], weights: Mapping[str, Tensor], path: str | Path
) -> None:
    """Raises a ``CheckpointError`` if there are :func:`differences`."""
    _refuse(differences(own, weights), path)


def differences(own: Mapping[str, Tensor], weights: Mapping[str, Any]) -> list[str]:
    """What keeps weights from being exactly those of a model, in words."""
    missing = [key for key in own if key not in weights]
    unexpected = [key for key in weights if key not in own]
    return _unfit(own, weights) + _other_names(missing, unexpected)


def add_counters(own: Mapping[str, Tensor], weights: dict[str, Any]) -> None:
    """Gives weights the counters of BatchNorm, which older checkpoints do not have."""
    for key, value in own.items():
        if key.endswith(COUNTER):
            weights.setdefault(key, value.new_zeros((), device='cpu'))


def shortened(names: list[str]) -> str:
    """Names, or differences, for a message: the first three, and how many more."""
    more = f' and {len(names) - 3} more' if len(names) > 3 else ''
    return ', '.join(names[:3]) + more


def without_module(state_dict: Mapping[Any, Any]) -> dict[str, Any]:
    """A state dict without the ``module.`` of distributed training in its names.

    A file may have keys that are no names.
    """
    return {
        (key if isinstance(key, str) else shown(key)).removeprefix('module.'): value
        for key, value in state_dict.items()
    }


def why_unfit(value: Any, like: Tensor) -> str | None:
    """Why a value of a checkpoint cannot be loaded into a tensor; None if it can."""
    if not isinstance(value, Tensor):
        return f'is a {type(value).__name__} instead of a tensor'
    if value.layout is not torch.strided:
        return 'is a sparse tensor instead of a dense one'
    # What has no values yet, such as soft labels, takes as many as there are.
    if value.shape != like.shape and like.numel():
        return f'has shape {tuple(value.shape)} instead of {tuple(like.shape)}'
    floats = like.is_floating_point()
    if value.dtype not in (FLOATING if floats else WHOLE):
        kind = 'floating' if floats else 'whole'
        return f'has type {value.dtype} instead of a {kind} one'
    return 'has no values' if value.is_meta else None


def take_what_fits(
    module: nn.Module,
    state_dict: dict[str, Tensor],
    prefix: str,
    fill: Callable[[Tensor], Tensor] = torch.clone,
) -> None:
    """Lets a module load a checkpoint of another configuration of it.

    For what a run can do without: numbers of an estimator, multipliers of limits.
    What the module does not have is dropped from ``state_dict``; ``fill`` makes what
    the checkpoint does not have of what the module has.
    """
    own = module.state_dict(prefix=prefix)
    for name in [n for n in state_dict if n.startswith(prefix) and n not in own]:
        del state_dict[name]
    for name, value in own.items():
        state_dict.setdefault(name, fill(value))


def _unfit(own: Mapping[str, Tensor], weights: Mapping[str, Any]) -> list[str]:
    reasons = {key: why_unfit(weights[key], own[key]) for key in weights if key in own}
    return [f'{key} {reason}' for key, reason in reasons.items() if reason]


def _other_names(missing: list[str], unexpected: list[str]) -> list[str]:
    gone = [f'{key} is missing' for key in missing]
    return gone + [f'{key} is left over' for key in unexpected]


def _refuse(wrong: list[str], path: str | Path) -> None:
    if wrong:
        raise CheckpointError(
            f'checkpoint {path} belongs to another model: {shortened(wrong)}.'
        )
