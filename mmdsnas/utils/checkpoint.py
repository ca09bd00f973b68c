import pickle
from pathlib import Path
from typing import Any, Dict, Union

import torch
import torch.nn as nn

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
    check_exists(path)
    try:
        checkpoint = torch.load(path, map_location='cpu', weights_only=True)
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f'checkpoint {path} holds objects other than tensors and plain '
            'values, or is damaged; it was not loaded.'
        ) from error
    except (RuntimeError, EOFError, OSError) as error:
        reason = str(error).split('\n')[0]
        raise CheckpointError(f'checkpoint {path} is damaged: {reason}') from error
    if not isinstance(checkpoint, dict) or not isinstance(
        checkpoint.get('state_dict'), dict
    ):
        raise CheckpointError(f'checkpoint {path} has no state_dict.')
    return checkpoint


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
    wrong = [
        f'{key} has shape {tuple(value.shape)} instead of {tuple(own[key].shape)}'
        for key, value in weights.items()
        if key in own and value.shape != own[key].shape
    ]
    if not wrong:
        kept = {key: value.clone() for key, value in own.items()}
        found = model.load_state_dict(weights, strict=False)
        wrong = [f'{key} is missing' for key in found.missing_keys] + [
            f'{key} is left over' for key in found.unexpected_keys
        ]
        if wrong:
            model.load_state_dict(kept)
    if wrong:
        more = f' and {len(wrong) - 3} more' if len(wrong) > 3 else ''
        raise CheckpointError(
            f'checkpoint {path} belongs to another model: {", ".join(wrong[:3])}{more}.'
        )
