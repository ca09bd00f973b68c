"""Calls in fresh processes, of which one measures its own memory."""

import ctypes
import multiprocessing
import os
import re
from pathlib import Path
from typing import Any, Callable
from unittest import mock

import torch

# Blocks of 64 KiB and more get pages of their own, which go back when they are freed,
# so that what is resident is what is in use.
MALLOC = {'MALLOC_MMAP_THRESHOLD_': '65536', 'MALLOC_TRIM_THRESHOLD_': '65536'}
STATUS = Path('/proc/self/status')


def in_fresh_process(function: Callable[..., Any], *args: Any) -> Any:
    """What a function of a module returns in a process of its own.

    Args:
        function (callable): Is called there, on as many threads as here.
        *args (Any): Its arguments.
    """
    context = multiprocessing.get_context('spawn')
    with mock.patch.dict(os.environ, MALLOC):
        with context.Pool(1, torch.set_num_threads, (torch.get_num_threads(),)) as pool:
            return pool.apply(function, args)


class PeakMemory:
    """The most memory that is in use between two points, in bytes.

    On a GPU what torch has allocated there. On the CPU the resident memory of this
    process (``VmHWM`` of Linux, reset at the start), less what is resident before the
    model is built: interpreter, libraries and the batch. The second is meaningful in
    a process of :func:`in_fresh_process` alone.

    Args:
        device (str): ``'cpu'`` or ``'cuda'``.
    """

    def __init__(self, device: str) -> None:
        self.device = device
        self.base = 0
        if device == 'cpu':
            give_back()
            self.base = resident('VmRSS')

    def start(self) -> None:
        """Forgets the peak so far, e.g. of building the model."""
        if self.device != 'cpu':
            torch.cuda.reset_peak_memory_stats()
            return
        give_back()
        Path('/proc/self/clear_refs').write_text('5')

    def read(self) -> int:
        """The peak since :meth:`start`."""
        if self.device != 'cpu':
            return torch.cuda.max_memory_allocated()
        return resident('VmHWM') - self.base


def give_back() -> None:
    """Hands freed memory back to the system (glibc)."""
    ctypes.CDLL(None).malloc_trim(0)


def resident(name: str) -> int:
    """A number of bytes in this process's status, e.g. of ``VmRSS``."""
    return 1024 * int(re.search(rf'{name}:\s+(\d+) kB', STATUS.read_text()).group(1))


def bytes_of(tensors) -> int:
    """Bytes of tensors."""
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def sizes(model: torch.nn.Module, *optimizers) -> dict[str, int]:
    """Bytes of a model and of its optimizers' states.

    Args:
        model (nn.Module): Parameters and buffers count.
        *optimizers (Optimizer): Their tensors count.
    """
    states = [s for o in optimizers for s in o.state.values()]
    tensors = [t for s in states for t in s.values() if isinstance(t, torch.Tensor)]
    return dict(weights=bytes_of(model.state_dict().values()), state=bytes_of(tensors))
