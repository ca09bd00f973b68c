import io
import os.path as osp
import pickle
import zipfile
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

import torch

from mmdsnas.errors import CheckpointError
from mmdsnas.utils.files import write_atomically
from mmdsnas.utils.options import LARGEST
from .unpickling import history_allowed, rebuilt


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
        raise CheckpointError(
            f'checkpoint {path} has no state_dict; one of the authors is converted by '
            'tools/model_converters/convert_official.py.'
        )
    return checkpoint


def load_safely(path: Union[str, Path], trust: bool = False) -> Any:
    """Loads whatever a file holds to the CPU, without running anything in it.

    Args:
        path (str | Path): A file of ``torch.save``.
        trust (bool): Whether code in the file may run.

    Returns:
        Any: Tensors, plain values and mmengine's log history.

    Raises:
        CheckpointError: It does not exist, cannot be read, is damaged, or holds
            objects that safe loading refuses.
    """
    check_exists(path)
    try:
        with open(path, 'rb') as file:
            first = file.read(1)
    except OSError as error:
        reason = error.strerror or error
        raise CheckpointError(f'checkpoint {path} cannot be read: {reason}.') from error
    # A zip archive, or the pickle of an older torch; an empty file is damaged.
    if first not in (b'P', b'\x80', b''):
        raise CheckpointError(f'{path} is no checkpoint, but another kind of file.')
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
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return value if is_number and abs(value) <= LARGEST else None


def _dict(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
