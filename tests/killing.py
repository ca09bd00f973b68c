"""A process that dies between two of its operations on files."""

import os
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Iterator

import pytest

OPERATIONS = (
    (os, ('fsync', 'replace', 'remove', 'unlink')),
    (Path, ('write_bytes', 'write_text')),
)


class Killed(BaseException):
    """As no code of a killed process runs any more, nothing may catch it."""


@contextmanager
def killed_at(operation: int) -> Iterator[list[bool]]:
    """Kills what runs in the block at its n-th operation on files, from 1.

    From then on no operation has an effect, as if the process were gone; of a
    write the first half is there. The block ends without an error.

    Args:
        operation (int): The first that is not done.

    Yields:
        list[bool]: Has an entry when the block was killed.
    """
    count, killed = 0, []

    def dying(name, real):
        def call(first, *args, **kwargs):
            nonlocal count
            count += 1
            if count < operation:
                return real(first, *args, **kwargs)
            if count == operation and name.startswith('write'):
                real(first, args[0][: len(args[0]) // 2])
            killed.append(True)
            raise Killed

        return call

    with pytest.MonkeyPatch.context() as patch, suppress(Killed):
        for owner, names in OPERATIONS:
            for name in names:
                patch.setattr(owner, name, dying(name, getattr(owner, name)))
        yield killed
