import os
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator, Union

from mmdsnas.errors import OutputError


@contextmanager
def write_atomically(path: Union[str, Path]) -> Iterator[Path]:
    """Writes a file so that it is there whole or not at all.

    Args:
        path (str | Path): The file; its folder is created.

    Yields:
        Path: A temporary file beside it, to be written. It takes the place of
        ``path`` when the block ends, and is removed if the block fails.

    Raises:
        OutputError: Nothing can be written there.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(
            dir=path.parent, prefix=f'.{path.name}.', suffix='.tmp'
        )
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f'{path} cannot be written: {reason}.') from error
    os.close(handle)
    temporary = Path(name)
    try:
        # mkstemp's file is private to the user; a result is not.
        umask = os.umask(0)
        os.umask(umask)
        temporary.chmod(0o666 & ~umask)
        yield temporary
        with open(temporary, 'rb') as written:
            os.fsync(written.fileno())
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
