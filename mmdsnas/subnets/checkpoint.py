"""Loading checkpoints safely, and writing them whole or not at all."""

import io
import os.path as osp
import pickle
import zipfile
from pathlib import Path
from typing import Any

import torch

from mmdsnas.errors import CheckpointError
from mmdsnas.utils.files import write_atomically
from .unpickling import history_allowed

# The files that a run leaves: weights and metadata of the child, and its subnet file.
SUBNET_PTH, SUBNET_YAML = 'subnet.pth', 'subnet.yaml'
# Has the path of the newest checkpoint.
LAST_CHECKPOINT = 'last_checkpoint'
# A search with several limits before its child is chosen; where other children are.
SUPERNET, CHILDREN = 'supernet.pth', 'children'


def check_exists(path: str | Path | None) -> None:
    """Refuses a checkpoint that is not there; None is none."""
    if path is not None and not osp.isfile(path):
        what = 'is not a file' if osp.exists(path) else 'does not exist'
        raise CheckpointError(f'checkpoint {path} {what}.')


def load_checkpoint(path: str | Path, trust: bool = False) -> dict[str, Any]:
    """Loads a checkpoint by :func:`load_safely`.

    Raises:
        CheckpointError: It cannot be loaded, or holds no ``state_dict``.
    """
    checkpoint = load_safely(path, trust)
    found = isinstance(checkpoint, dict) and checkpoint.get('state_dict')
    if not isinstance(found, dict):
        raise CheckpointError(
            f'checkpoint {path} has no state_dict; one of the authors is converted by '
            'tools/model_converters/convert_official.py.'
        )
    return checkpoint


def load_safely(path: str | Path, trust: bool = False) -> Any:
    """Loads tensors, plain values and mmengine's log history to the CPU.

    Args:
        path (str | Path): A file of ``torch.save``.
        trust (bool): Whether code in the file may run, which gives any objects.

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
        # torch does not compare the check sums of the parts.
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                if (damaged := archive.testzip()) is not None:
                    raise ValueError(f'{damaged} does not have its check sum')
        if trust:
            return torch.load(path, map_location='cpu', weights_only=False)
        with history_allowed():
            loaded = torch.load(path, map_location='cpu', weights_only=True)
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
    drop_code(loaded)
    return loaded


def drop_code(checkpoint: Any) -> None:
    """Drops a text of older versions, which mmengine runs as Python in a resume."""
    meta = checkpoint.get('meta') if isinstance(checkpoint, dict) else None
    if isinstance(meta, dict):
        meta.pop('config', None)


def save_checkpoint(checkpoint: Any, path: str | Path) -> None:
    """Writes a file of ``torch.save`` whole, or not at all and an ``OutputError``."""
    # torch itself writes to a file with errors that are no OSError.
    content = io.BytesIO()
    torch.save(checkpoint, content)
    with write_atomically(path) as temporary:
        temporary.write_bytes(content.getbuffer())
