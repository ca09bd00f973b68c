"""What mmengine's checkpoints hold beyond tensors, read without their own code.

mmengine keeps the history of its logs as objects with NumPy arrays and, by
``getattr``, methods. Here each of these names means a stand-in, which takes plain
values alone and looks nothing up: neither ``getattr`` runs nor NumPy's own unpickling,
which believes what a file says of the layout of memory.
"""

from contextlib import contextmanager
from pickle import UnpicklingError
from typing import Any, Iterator

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

NUMBERS = ('b1', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8')


class _DType:
    """For ``numpy.dtype``: numbers and nothing else."""

    def __init__(self, kind: str, *_: Any) -> None:
        if kind not in NUMBERS:
            raise UnpicklingError(f'arrays must hold numbers, but hold {kind!r}')
        self.dtype = np.dtype(kind)

    def __setstate__(self, state: Any) -> None:
        # The rest of the state is about structures, which have other kinds.
        self.dtype = self.dtype.newbyteorder(state[1])


class _Array(np.ndarray):
    """For ``numpy.ndarray`` and ``_reconstruct``: takes the bytes of the file alone."""

    def __new__(cls, *_: Any) -> '_Array':
        return super().__new__(cls, 0)

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        order = 'F' if fortran else 'C'
        array = np.frombuffer(data, dtype.dtype).reshape(shape, order=order)
        super().__setstate__(array.__reduce__()[2])


class _History(HistoryBuffer):
    """For ``HistoryBuffer``: with the methods of its class alone."""

    def __new__(cls, *_: Any) -> '_History':
        history = super().__new__(cls)
        HistoryBuffer.__init__(history)
        return history

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__class__ = HistoryBuffer
        history, counts = state['_log_history'], state['_count_history']
        self.__init__(history, counts, int(state['max_length']))


def _scalar(dtype: _DType, data: bytes) -> Any:
    return np.frombuffer(data, dtype.dtype)[0].item()


_STAND_INS = {
    # pickle calls it for none.
    'builtins.bytes': lambda: b'',
    # The history has the methods of its class anyway.
    'builtins.getattr': lambda owner, name: name,
    'mmengine.logging.history_buffer.HistoryBuffer': _History,
    'numpy.dtype': _DType,
    'numpy.ndarray': _Array,
    # NumPy 1 and 2.
    'numpy.core.multiarray._reconstruct': _Array,
    'numpy._core.multiarray._reconstruct': _Array,
    'numpy.core.multiarray.scalar': _scalar,
    'numpy._core.multiarray.scalar': _scalar,
}


@contextmanager
def history_allowed() -> Iterator[None]:
    """While it lasts ``torch.load(weights_only=True)`` takes mmengine's objects."""
    before = torch.serialization.get_safe_globals()
    # Another library may have allowed the objects themselves, e.g. NumPy's.
    others = [allowed for allowed in before if _name(allowed) not in _STAND_INS]
    ours = [(stand_in, name) for name, stand_in in _STAND_INS.items()]
    try:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(others + ours)
        yield
    finally:
        torch.serialization.clear_safe_globals()
        torch.serialization.add_safe_globals(before)


def _name(allowed: Any) -> str:
    if isinstance(allowed, tuple):
        return allowed[1]
    return f'{allowed.__module__}.{allowed.__qualname__}'
