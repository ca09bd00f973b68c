"""What a run leaves that is refused before its training."""

import logging
import shutil
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

from mmengine.config import Config
from mmengine.dist import is_main_process
from mmengine.logging import MMLogger

from mmdsnas.errors import UserError
from mmdsnas.utils.files import write_atomically


@contextmanager
def left_as_it_was(config: Config, trains: Callable[[], bool]) -> Iterator[None]:
    """Takes the logs and the config of a refused run out of its work dir.

    All stays of a run whose training has begun, and measured latencies always: the
    next run need not measure them again.
    """
    work_dir = Path(config.work_dir).absolute()
    missing = [path for path in (work_dir, *work_dir.parents) if not path.exists()]
    names = {path.name for path in work_dir.iterdir()} if work_dir.is_dir() else set()
    # mmengine writes it over that of an earlier run.
    text = work_dir / Path(config.filename).name if config.filename else None
    kept = _content(text)
    try:
        yield
    except UserError:
        if is_main_process() and not trains():
            _remove_session(work_dir, names)
            if kept is None and text is not None and text.is_file():
                text.unlink()
            elif kept != _content(text):
                with write_atomically(text) as file:
                    file.write_bytes(kept)
            for path in missing:
                if path.is_dir() and not any(path.iterdir()):
                    path.rmdir()
        raise


def _content(file: Path | None) -> bytes | None:
    return file.read_bytes() if file is not None and file.is_file() else None


def _remove_session(work_dir: Path, names: set[str]) -> None:
    """Removes the folder that the logger writes to, unless it was there before."""
    logger = MMLogger.get_current_instance()
    session = Path(logger.log_file or work_dir).absolute().parent
    if session.parent != work_dir or session.name in names or not session.is_dir():
        return
    # Nothing is written to its file any more, whoever asks for the current logger.
    del MMLogger._instance_dict[logger.instance_name]
    for handler in list(logger.handlers):
        if isinstance(handler, logging.FileHandler):
            logger.removeHandler(handler)
            handler.close()
    shutil.rmtree(session)
    # So mmengine calls a config that has no file.
    text = work_dir / f'{session.name}.py'
    if text.name not in names:
        text.unlink(missing_ok=True)
