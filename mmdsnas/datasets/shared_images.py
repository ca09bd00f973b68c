"""Decoded images in a temporary file, for all processes of a data loader."""

import fcntl
import os
import shutil
import struct
import tempfile
import weakref
from contextlib import contextmanager
from functools import cache
from hashlib import blake2b
from io import FileIO
from pathlib import Path
from typing import Iterator, NamedTuple

import numpy as np

PREFIX = 'mmdsnas-images-'
NAME = 'images'
# Of the pixels so far, at the beginning of the file.
_USED = struct.Struct('<q')
# Digest of a key, place of the pixels (0: not yet there), shape (0 channels: none), and
# height and width of the image in its file.
_ENTRY = struct.Struct('<16sq5i')
# Bytes of the pixels for each entry, so that the table is never much of the file.
_BYTES_PER_ENTRY = 4096
# How many entries are looked at for one; beyond them the table counts as full.
_MOST_STEPS = 64
_EMPTY = bytes(16)


class KeptImage(NamedTuple):
    """An image, and height and width of what it was decoded from."""

    img: np.ndarray
    ori_shape: tuple[int, int]


class SharedImages:
    """Uint8 images by name, of all processes that have a copy of this object.

    They are in a file of a temporary folder: a table of entries, which is read and
    written under a lock of the file, and the pixels, which are written before their
    entry tells where they are. There is no eviction. The file is read, not mapped: a
    full disk or a cut file is an error that can be met then, and no SIGBUS.

    The process that makes it removes the folder when its object is gone or it ends.
    What a killed process leaves is removed by the next one that makes such a folder:
    the lock of a folder ends with its last process.

    A copy by fork, pickle or ``deepcopy`` has the same images. Where the file cannot be
    read or written there are none.

    Args:
        size (int): Bytes of the pixels at most.

    Raises:
        OSError: There is no place for temporary files.
    """

    def __init__(self, size: int) -> None:
        _remove_leftovers(tempfile.gettempdir())
        folder = tempfile.mkdtemp(prefix=PREFIX)
        handle = os.open(folder, os.O_RDONLY)
        # Before there is a file: only a folder with one is taken for a leftover.
        fcntl.flock(handle, fcntl.LOCK_SH)
        self._attach(os.path.join(folder, NAME), size)
        with open(self.path, 'xb'):
            pass
        weakref.finalize(self, _remove, folder, handle, os.getpid())

    def _attach(self, path: str, size: int) -> None:
        self.path, self.size = path, size
        self._entries = max(1, size // _BYTES_PER_ENTRY)
        self._begin = _USED.size + self._entries * _ENTRY.size

    def __deepcopy__(self, memo: dict) -> 'SharedImages':
        return self

    def __reduce__(self) -> tuple:
        return _attached, (self.path, self.size)

    def get(self, name: str) -> KeptImage | None:
        """An image in memory of its own, if it is there."""
        try:
            with self._locked(fcntl.LOCK_SH) as file:
                _, entry = self._find(file, _digest(name))
            if entry is None or not entry[1]:
                return None
            _, place, *shape, height, width = entry
            img = np.empty(shape if shape[2] else shape[:2], np.uint8)
            # An entry that is there does not change.
            with open(self.path, 'rb', buffering=0) as file:
                file.seek(place)
                complete = _read(file, memoryview(img).cast('B'))
            return KeptImage(img, (height, width)) if complete else None
        except OSError:
            return None

    def put(self, name: str, image: KeptImage) -> None:
        """Keeps an image if there is room; one that is there, or will be, stays."""
        key, img = _digest(name), np.ascontiguousarray(image.img)
        shape = (*img.shape, 0)[:3]
        try:
            with self._locked(fcntl.LOCK_EX) as file:
                found, entry = self._find(file, key)
                used = _used(file)
                if entry or found is None or used + img.nbytes > self.size:
                    return
                # The room is this process's now, whoever else decodes the image.
                os.pwrite(file.fileno(), _USED.pack(used + img.nbytes), 0)
                values = [key, 0, *shape, *image.ori_shape]
                os.pwrite(file.fileno(), _ENTRY.pack(*values), found)
            values[1] = self._begin + used
            written = self._write(values[1], memoryview(img).cast('B'))
            with self._locked(fcntl.LOCK_EX) as file:
                if written:
                    os.pwrite(file.fileno(), _ENTRY.pack(*values), found)
                else:
                    # The disk is full: nobody is to try again.
                    os.pwrite(file.fileno(), _USED.pack(self.size), 0)
        except OSError:
            return

    def _write(self, place: int, content: memoryview) -> bool:
        """Whether there is room on the disk."""
        try:
            with open(self.path, 'r+b', buffering=0) as file:
                file.seek(place)
                while content:
                    content = content[file.write(content) :]
        except OSError:
            return False
        return True

    @contextmanager
    def _locked(self, how: int) -> Iterator[FileIO]:
        # Opened anew: processes that share an opened file share its lock.
        with open(self.path, 'r+b', buffering=0) as file:
            fcntl.flock(file, how)
            yield file

    def _find(self, file: FileIO, key: bytes) -> tuple[int | None, tuple | None]:
        """The place of an entry, None if there is no room, and what it has."""
        first = int.from_bytes(key[:8], 'little')
        for step in range(min(_MOST_STEPS, self._entries)):
            row = (first + step) % self._entries
            place = _USED.size + row * _ENTRY.size
            content = os.pread(file.fileno(), _ENTRY.size, place)
            # Beyond its end a file has nothing yet.
            entry = _ENTRY.unpack(content.ljust(_ENTRY.size, b'\0'))
            if entry[0] == _EMPTY:
                return place, None
            if entry[0] == key:
                return place, entry
        return None, None


def _attached(path: str, size: int) -> SharedImages:
    images = SharedImages.__new__(SharedImages)
    images._attach(path, size)
    return images


def _digest(name: str) -> bytes:
    # File names may be no text.
    return blake2b(os.fsencode(name), digest_size=16).digest()


def _used(file: FileIO) -> int:
    content = os.pread(file.fileno(), _USED.size, 0)
    return _USED.unpack(content.ljust(_USED.size, b'\0'))[0]


def _read(file: FileIO, into: memoryview) -> bool:
    """Whether a file has as much as is wanted."""
    while into:
        number = file.readinto(into)
        if not number:
            return False
        into = into[number:]
    return True


def _remove(folder: str, handle: int, owner: int) -> None:
    # A worker has the object too, but the folder is not its own.
    if os.getpid() == owner:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(handle)


@cache
def _remove_leftovers(place: str) -> None:
    """Removes what killed processes of this user left."""
    for folder in Path(place).glob(f'{PREFIX}*'):
        try:
            handle = os.open(folder, os.O_RDONLY)
        except OSError:
            continue
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if (folder / NAME).is_file():
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            # Somebody's that runs.
            pass
        finally:
            os.close(handle)
