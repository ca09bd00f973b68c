"""What a resumed checkpoint says of files, taken as far as it can be trusted."""

import os.path as osp
from logging import WARNING
from typing import Any, List, Optional

from mmengine.logging import print_log


def numbers_of(kept: Any) -> List[int]:
    """The numbers of kept checkpoints, which become a part of file names.

    Args:
        kept (Any): What a checkpoint says they are.

    Returns:
        list[int]: What of that are numbers; the rest is named in the log.
    """
    numbers = [i for i in kept if type(i) is int] if isinstance(kept, list) else []
    if numbers != kept:
        _warn(f'{str(kept)[:200]} as numbers of kept checkpoints: what is none')
    return numbers


def best_in(folder: str, path: Any) -> Optional[str]:
    """A best model's file in a folder, also where the folder has been moved.

    Args:
        folder (str): Where a run keeps its checkpoints.
        path (Any): What a checkpoint says the file is; None is none.

    Returns:
        str, optional: A file of the folder; None, and a line in the log, for any
        other file.
    """
    if path is None:
        return None
    name = osp.basename(path) if isinstance(path, str) else ''
    own = osp.join(folder, name)
    if name.startswith('best_') and (
        osp.abspath(path) == osp.abspath(own) or osp.isfile(own)
    ):
        return own
    _warn(f'{str(path)[:200]!r} as its best, which is not in {folder}: that file')
    return None


def _warn(what: str) -> None:
    print_log(f'The checkpoint names {what} is left alone.', 'current', WARNING)
