import errno
import fcntl
import os
import re
import secrets
import tempfile
from contextlib import contextmanager
from logging import WARNING
from pathlib import Path
from typing import Iterator

from mmengine.logging import print_log

from mmdsnas.errors import OutputError

SUFFIX = '.mmdsnas-tmp'
# The file's name, eight random characters.
_TEMPORARY = re.compile(rf'\..+\.[a-z0-9_]{{8}}{re.escape(SUFFIX)}', re.DOTALL)


@contextmanager
def write_atomically(path: str | Path) -> Iterator[Path]:
    """Writes a file so that it is there whole or not at all.

    Args:
        path (str | Path): The file; its folder is created.

    Yields:
        Path: A temporary file beside it, to be written. It takes the place of ``path``
        when the block ends. A killed process leaves it: :func:`remove_leftovers`.

    Raises:
        OutputError: It cannot be written; a file that was there is as before.
    """
    path = Path(path)
    temporary = path.parent / f'.{path.name}.{secrets.token_hex(4)}{SUFFIX}'
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
        try:
            yield temporary
            _sync(temporary)
            os.replace(temporary, path)
            _sync(path.parent)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f'{path} cannot be written: {reason}.') from error


@contextmanager
def folder_locked(folder: str | Path) -> Iterator[None]:
    """While open, no other process is in such a block of the same folder.

    A process that ends, however it does, leaves the block. The folder is created.

    Raises:
        OutputError: It cannot be.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        handle = os.open(folder, os.O_RDONLY)
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f'{folder} cannot be locked: {reason}.') from error
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)


def remove_leftovers(folder: str | Path) -> list[Path]:
    """Removes the temporary files that killed writers left in a folder, and names them.

    The folder need not exist. No other process may be writing into it.
    """
    paths = sorted(Path(folder).glob(f'.*{SUFFIX}'))
    found = [p for p in paths if _TEMPORARY.fullmatch(p.name) and p.is_file()]
    for path in found:
        path.unlink(missing_ok=True)
    return found


def check_writable(folder: str | Path, option: str) -> None:
    """Creates a folder and writes a file into it for a moment.

    Raises:
        OutputError: That does not work; names the option that gave the folder.
    """
    try:
        Path(folder).mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(b'0')
    except OSError as error:
        raise OutputError(
            f'{option} must be a folder that can be written, but is {folder}: '
            f'{error.strerror or error}.'
        ) from error


@contextmanager
def going_on() -> Iterator[None]:
    """Makes an ``OutputError`` a warning: no run of hours ends for want of a table."""
    try:
        yield
    except OutputError as error:
        print_log(str(error), 'current', WARNING)


def _sync(path: Path) -> None:
    """Has the disk hold a file, or the names in a folder."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    except OSError as error:
        # Some network file systems have no fsync of folders.
        if error.errno != errno.EINVAL or not path.is_dir():
            raise
    finally:
        os.close(handle)
