"""What a run leaves that is refused before its training."""

import os.path as osp
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import MMLogger

from mmdsnas.errors import UserError


@contextmanager
def left_as_it_was(config: Config, trains: Callable[[], bool]) -> Iterator[None]:
    """Takes the logs and the config of a refused run out of its work dir.

    Measured latencies stay: the next run need not measure them again.

    Args:
        config (Config): Has ``work_dir``.
        trains (callable): Whether the training has begun, asked where the block raised
            a ``UserError``.
    """
    work_dir = Path(config.work_dir).absolute()
    missing = [path for path in (work_dir, *work_dir.parents) if not path.exists()]
    before = set() if missing else {path.name for path in work_dir.iterdir()}
    # mmengine writes it over that of an earlier run.
    text = work_dir / osp.basename(config.filename or '')
    kept = text.read_bytes() if text.is_file() else None
    try:
        yield
    except UserError:
        if is_main_process() and not trains():
            log = MMLogger.get_current_instance().log_file
            session = Path(log).absolute().parent if log else work_dir
            if session.parent == work_dir and session.name not in before:
                shutil.rmtree(session)
            if kept is not None:
                text.write_bytes(kept)
            elif text.is_file():
                text.unlink()
            for path in missing:
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()
        raise
