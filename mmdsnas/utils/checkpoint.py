import io
import os.path as osp
import pickle
import zipfile
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Union

import torch
import torch.nn as nn
from torch import Tensor

from mmdsnas.errors import CheckpointError
from mmdsnas.options.checkers import Real, shown
from .files import write_atomically
from .unpickling import history_allowed, rebuilt

# What a weight, and a counter, may be saved as.
FLOATING = (torch.float16, torch.bfloat16, torch.float32, torch.float64)
WHOLE = (torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def check_exists(path: Union[str, Path, None]) -> None:
    """Refuses a checkpoint that is not there; None is none."""
    if path is not None and not osp.isfile(path):
        what = 'is not a file' if osp.exists(path) else 'does not exist'
        raise CheckpointError(f'checkpoint {path} {what}.')


def load_checkpoint(path: Union[str, Path], trust: bool = False) -> Dict[str, Any]:
    """Loads a checkpoint to the CPU, by default without running anything in it.

    Args:
        path (str | Path): A file with a ``state_dict``.
        trust (bool): Whether code in the file may run.

    Returns:
        dict: Tensors, plain values and mmengine's log history.

    Raises:
        CheckpointError: It does not exist, is damaged, holds objects that
            safe loading refuses, or holds no ``state_dict``.
    """
    checkpoint = load_safely(path, trust)
    if not isinstance(checkpoint, dict) or not isinstance(
        checkpoint.get('state_dict'), dict
    ):
        raise CheckpointError(f'checkpoint {path} has no state_dict.')
    return checkpoint


def load_safely(path: Union[str, Path], trust: bool = False) -> Any:
    """Loads whatever a file holds to the CPU, without running anything in it.

    Args:
        path (str | Path): A file of ``torch.save``.
        trust (bool): Whether code in the file may run.

    Returns:
        Any: Tensors, plain values and mmengine's log history.

    Raises:
        CheckpointError: It does not exist, is damaged, or holds objects that
            safe loading refuses.
    """
    check_exists(path)
    try:
        damaged = _damaged_part(path)
        if damaged is not None:
            raise ValueError(f'{damaged} does not have its check sum')
        if trust:
            return torch.load(path, map_location='cpu', weights_only=False)
        with history_allowed():
            loaded = torch.load(path, map_location='cpu', weights_only=True)
        return without_code(rebuilt(loaded))
    except pickle.UnpicklingError as error:
        raise CheckpointError(
            f'checkpoint {path} holds objects other than tensors and plain '
            'values, or is damaged; it was not loaded (--trust-checkpoint loads any '
            'objects, which can run any code that is in the file).'
        ) from error
    except Exception as error:
        # What a damaged file makes of the unpickler is any error at all.
        reason = str(error).split('\n')[0] or type(error).__name__
        raise CheckpointError(f'checkpoint {path} is damaged: {reason}') from error


def without_code(checkpoint: Any) -> Any:
    """Takes out a text that mmengine runs as Python when it resumes a run.

    Args:
        checkpoint (Any): What a file held; changed in place.

    Returns:
        Any: The same. Checkpoints of today's mmengine have no such text.
    """
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    if isinstance(meta, dict):
        meta.pop('config', None)
    return checkpoint


def save_checkpoint(checkpoint: Any, path: Union[str, Path]) -> None:
    """Writes a file of ``torch.save`` whole or not at all.

    Args:
        checkpoint (Any): What it is to hold.
        path (str | Path): The file; its folder is created.

    Raises:
        OutputError: It cannot be written, e.g. because the disk is full.
    """
    # torch itself writes to a file with errors that are no OSError.
    content = io.BytesIO()
    torch.save(checkpoint, content)
    with write_atomically(path) as temporary:
        temporary.write_bytes(content.getbuffer())


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
        name_of(key).removeprefix('module.'): value
        for key, value in checkpoint['state_dict'].items()
    }
    own = model.state_dict()
    _refuse(_unfit(own, weights), path)
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
        CheckpointError: A name is missing or left over, or a value does not fit.
    """
    missing = [key for key in own if key not in weights]
    unexpected = [key for key in weights if key not in own]
    _refuse(_unfit(own, weights) + _other_names(missing, unexpected), path)


def check_resumable(checkpoint: Mapping[str, Any], path: Union[str, Path]) -> None:
    """Refuses a checkpoint that holds weights, but not the state of a run.

    Args:
        checkpoint (Mapping): From :func:`load_checkpoint`.
        path (str | Path): Where it came from, for the message.

    Raises:
        CheckpointError: It is that of a child alone, say, or of a best model.
    """
    meta = checkpoint.get('meta')
    parts = [checkpoint.get(part) for part in ('message_hub', 'optimizer')]
    counts = [
        meta.get(n) if isinstance(meta, dict) else None for n in ('epoch', 'iter')
    ]
    if not all(isinstance(part, dict) for part in parts) or not all(
        type(n) is int for n in counts
    ):
        raise CheckpointError(
            f'checkpoint {path} cannot be resumed, because it lacks the state of a '
            'run (meta.epoch, meta.iter, message_hub, optimizer); its weights can be '
            'given as load_from.'
        )


def last_lr(checkpoint: Mapping[str, Any]) -> Optional[float]:
    """Learning rate of the weights when a checkpoint was saved.

    Args:
        checkpoint (Mapping): From :func:`load_checkpoint`: a search, the training
            of a child, or a file with ``lr`` in its ``meta``.

    Returns:
        float, optional: None if it does not tell.
    """
    optimizer = _dict(checkpoint.get('optimizer'))
    groups = _dict(optimizer.get('architecture', optimizer)).get('param_groups')
    if isinstance(groups, list) and groups:
        return number(_dict(groups[0]).get('lr'))
    return number(meta_of(checkpoint).get('lr'))


def _damaged_part(path: Union[str, Path]) -> Optional[str]:
    """What of a file is not as it was written; torch reads no check sums."""
    if not zipfile.is_zipfile(path):
        return None
    with zipfile.ZipFile(path) as archive:
        return archive.testzip()


def meta_of(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a checkpoint says of itself; nothing where it has no such dict."""
    return _dict(checkpoint.get('meta'))


def number(value: Any) -> Union[int, float, None]:
    """A number that can be shown and saved; None for anything else."""
    return value if Real().allows(value) else None


def name_of(key: Any) -> str:
    """The name of a weight; a file may have keys that are none."""
    return key if isinstance(key, str) else shown(key)


def why_unfit(value: Any, like: Tensor) -> Optional[str]:
    """Why something cannot be loaded where a tensor is.

    Args:
        value (Any): What a checkpoint has.
        like (Tensor): What a model has.

    Returns:
        str, optional: What follows the name in a sentence; None if it can.
    """
    if not isinstance(value, Tensor):
        return f'is a {type(value).__name__} instead of a tensor'
    if value.layout is not torch.strided:
        return 'is a sparse tensor instead of a dense one'
    if value.shape != like.shape:
        return f'has shape {tuple(value.shape)} instead of {tuple(like.shape)}'
    kinds = dict(floating=FLOATING, whole=WHOLE)
    kind = 'floating' if like.is_floating_point() else 'whole'
    if value.dtype not in kinds[kind]:
        return f'has type {value.dtype} instead of a {kind} one'
    return 'has no values' if value.is_meta else None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _unfit(own: Mapping[str, Tensor], weights: Mapping[str, Any]) -> List[str]:
    reasons = {
        key: why_unfit(value, own[key]) for key, value in weights.items() if key in own
    }
    return [f'{key} {reason}' for key, reason in reasons.items() if reason]


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
