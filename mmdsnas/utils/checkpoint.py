import pickle
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Union

import torch
import torch.nn as nn
from torch import Tensor

from mmdsnas.errors import CheckpointError


def check_exists(path: Union[str, Path, None]) -> None:
    """Refuses a checkpoint that is not there; None is none."""
    if path is not None and not Path(path).is_file():
        raise CheckpointError(f'checkpoint {path} does not exist.')


def load_checkpoint(path: Union[str, Path]) -> Dict[str, Any]:
    """Loads a checkpoint to the CPU without running anything in it.

    Args:
        path (str | Path): A file with a ``state_dict``.

    Returns:
        dict: Tensors and plain values.

    Raises:
        CheckpointError: It does not exist, is damaged, holds objects that
            safe loading refuses, or holds no ``state_dict``.
    """
    checkpoint = load_safely(path)
    if not isinstance(checkpoint, dict) or not isinstance(
        checkpoint.get('state_dict'), dict
    ):
        raise CheckpointError(f'checkpoint {path} has no state_dict.')
    return checkpoint


def load_safely(path: Union[str, Path]) -> Any:
    """Loads whatever a file holds to the CPU without running anything in it.

    Args:
        path (str | Path): A file of ``torch.save``.

    Returns:
        Any: Tensors and plain values.

    Raises:
        CheckpointError: It does not exist, is damaged, or holds objects that
            safe loading refuses.
    """
    check_exists(path)
    try:
        return torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f'checkpoint {path} holds objects other than tensors and plain '
            'values, or is damaged; it was not loaded.'
        ) from error
    except Exception as error:
        # What a damaged file makes of the unpickler is any error at all.
        reason = str(error).split('\n')[0]
        raise CheckpointError(f'checkpoint {path} is damaged: {reason}') from error


def load_weights(
    model: nn.Module, checkpoint: Dict[str, Any], path: Union[str, Path]
) -> None:
    """Loads weights into a model, all of them or none.

    Args:
        model (nn.Module): The model.
        checkpoint (dict): From :func:`load_checkpoint`.
        path (str | Path): Where it came from, for the message.

    Raises:
        CheckpointError: It belongs to another model.
    """
    weights = {
        key.removeprefix('module.'): value
        for key, value in checkpoint['state_dict'].items()
    }
    own = model.state_dict()
    _refuse(_other_shapes(own, weights), path)
    kept = {key: value.clone() for key, value in own.items()}
    try:
        found = model.load_state_dict(weights, strict=False)
    except CheckpointError as error:
        model.load_state_dict(kept)
        raise CheckpointError(f'checkpoint {path}: {error}') from error
    if found.missing_keys or found.unexpected_keys:
        model.load_state_dict(kept)
    _refuse(_other_names(found.missing_keys, found.unexpected_keys), path)


def check_weights(
    own: Mapping[str, Tensor], weights: Mapping[str, Tensor], path: Union[str, Path]
) -> None:
    """Refuses weights that are not exactly those of a model, before loading them.

    Args:
        own (Mapping[str, Tensor]): State dict of the model.
        weights (Mapping[str, Tensor]): What is to be loaded.
        path (str | Path): Where it came from, for the message.

    Raises:
        CheckpointError: A name is missing or left over, or a shape is another.
    """
    missing = [key for key in own if key not in weights]
    unexpected = [key for key in weights if key not in own]
    _refuse(_other_shapes(own, weights) + _other_names(missing, unexpected), path)


def last_lr(checkpoint: Mapping[str, Any]) -> Optional[float]:
    """Learning rate of the weights when a checkpoint was saved.

    Args:
        checkpoint (Mapping): From :func:`load_checkpoint`: a search, the training
            of a child, or a file with ``lr`` in its ``meta``.

    Returns:
        float, optional: None if it does not tell.
    """
    optimizer = checkpoint.get('optimizer') or {}
    groups = optimizer.get('architecture', optimizer).get('param_groups')
    if groups:
        return groups[0]['lr']
    return (checkpoint.get('meta') or {}).get('lr')


def _other_shapes(
    own: Mapping[str, Tensor], weights: Mapping[str, Tensor]
) -> List[str]:
    return [
        f'{key} has shape {tuple(value.shape)} instead of {tuple(own[key].shape)}'
        for key, value in weights.items()
        if key in own and value.shape != own[key].shape
    ]


def _other_names(missing: List[str], unexpected: List[str]) -> List[str]:
    return [f'{key} is missing' for key in missing] + [
        f'{key} is left over' for key in unexpected
    ]


def _refuse(wrong: List[str], path: Union[str, Path]) -> None:
    if wrong:
        more = f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''
        raise CheckpointError(
            f'checkpoint {path} belongs to another model: {", ".join(wrong[:3])}{more}.'
        )
