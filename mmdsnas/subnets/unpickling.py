"""What mmengine's checkpoints hold beyond tensors, rebuilt from plain values.

mmengine keeps the history of its logs as objects with NumPy arrays and, by
``getattr``, methods. While :func:`history_allowed` lasts, each of these names of a
file means a stand-in of this module, which takes plain values alone and looks
nothing up. So neither ``getattr`` runs nor NumPy's own unpickling, which believes
what a file says of the layout of memory.
"""

from contextlib import contextmanager
from pickle import UnpicklingError
from typing import Any, Dict, Iterator, Optional, Tuple

import numpy as np
import torch
from mmengine.logging import HistoryBuffer

NUMBERS = ('b1', 'i1', 'i2', 'i4', 'i8', 'u1', 'u2', 'u4', 'u8', 'f2', 'f4', 'f8')


class _DType:
    """For ``numpy.dtype``: numbers and nothing else."""

    def __init__(self, kind: str, *_: Any) -> None:
        if kind not in NUMBERS:
            raise UnpicklingError(f'arrays must hold numbers, but hold {kind!r}')
        self.kind, self.order = kind, '|'

    def __setstate__(self, state: Any) -> None:
        order, *parts = state[1:5]
        if order not in ('<', '>', '|', '=') or any(p is not None for p in parts):
            raise UnpicklingError('arrays must hold numbers, but hold structures')
        self.order = order

    def read(self, data: bytes) -> np.ndarray:
        dtype = np.dtype(self.kind).newbyteorder(self.order)
        return np.frombuffer(data, dtype).astype(self.kind)


class _Array:
    """For ``numpy.ndarray``."""

    value: Optional[np.ndarray] = None

    def __setstate__(self, state: Any) -> None:
        _, shape, dtype, fortran, data = state
        order = 'F' if fortran else 'C'
        self.value = dtype.read(data).reshape(shape, order=order)


class _History:
    """For ``mmengine.logging.HistoryBuffer``."""

    def __setstate__(self, state: Dict[str, Any]) -> None:
        self.history = HistoryBuffer(
            state['_log_history'].value,
            state['_count_history'].value,
            int(state['max_length']),
        )


def _empty_array(*_: Any) -> _Array:
    """For NumPy's ``_reconstruct``."""
    return _Array()


def _scalar(dtype: _DType, data: bytes) -> Any:
    """For NumPy's ``scalar``: the number itself."""
    return dtype.read(data).item()


def _no_bytes() -> bytes:
    """For ``bytes``, which pickle calls for none."""
    return b''


def _method(owner: Any, name: str) -> str:
    """For ``getattr``: the history has the methods of its class anyway."""
    return name


_STAND_INS = {
    'builtins.bytes': _no_bytes,
    'builtins.getattr': _method,
    'mmengine.logging.history_buffer.HistoryBuffer': _History,
    'numpy.dtype': _DType,
    'numpy.ndarray': _Array,
    # NumPy 1 and 2.
    'numpy.core.multiarray._reconstruct': _empty_array,
    'numpy._core.multiarray._reconstruct': _empty_array,
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


def rebuilt(value: Any, done: Optional[Dict[int, Tuple[Any, Any]]] = None) -> Any:
    """Puts arrays and histories where a loaded value has stand-ins.

    Args:
        value (Any): From ``torch.load``; its dicts and lists are changed in place.
        done (dict, optional): For the recursion: parts and what became of them.

    Returns:
        Any: The value.
    """
    if isinstance(value, _History):
        return value.history
    if isinstance(value, _Array):
        return value.value
    if not isinstance(value, (dict, list)) and type(value) is not tuple:
        return value
    done = {} if done is None else done
    if id(value) not in done:
        done[id(value)] = value, value
        items = value.items() if isinstance(value, dict) else enumerate(value)
        parts = {key: rebuilt(part, done) for key, part in items}
        if isinstance(value, tuple):
            done[id(value)] = value, tuple(parts.values())
        else:
            for key, part in parts.items():
                value[key] = part
    return done[id(value)][1]
