"""Peak memory of the activations of a network, by the liveness of its tensors."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any, Mapping, Sequence

import torch
import torch.nn as nn
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from ..mutables import tensors_of
from ..state import untouched

# Bytes of an element.
BYTES = dict(float32=4, int8=1)
KIB = 1024
# Beside torch's pointwise operations, what runtimes fuse or do in place; and what is
# pointwise to torch, but copies into another order.
IN_PLACE = ('batch_norm', 'hardswish', '_prelu_kernel')
COPIES = ('clone',)


def peak_memory(model: nn.Module, inputs: Tensor, dtype: str = 'float32') -> float:
    """The most KiB (1024 bytes) that activations have at a time.

    The network is executed once, in eval mode. An activation is a tensor that depends
    on the input, or is the input; weights, and what is computed of them alone, are
    none. It is alive from the operation that computes it to the last one that reads
    it, and the output to the end. It is assumed that

    - views (reshaping, splitting) have the memory of their tensor;
    - an elementwise operation (an activation, BatchNorm, a sum of two) writes over an
      input of its size that nothing reads later, as runtimes do that fuse it into the
      convolution before; a sum is not fused, so that both of its inputs are alive;
    - a padding by 0 that only convolutions read is theirs, as in the ONNX files of
      ``mmdsnas export``;
    - all elements have the size of ``dtype``, nothing is lost between tensors, and no
      operation has memory of its own.

    Args:
        model (nn.Module): It stays as it was.
        inputs (Tensor): Its input, any shape.
        dtype (str): ``'float32'`` (4 bytes) or ``'int8'`` (1 byte).

    Raises:
        KeyError: ``dtype`` is another one.

    Examples:
        >>> peak_memory(nn.Conv2d(3, 16, 3, padding=1), torch.zeros(1, 3, 32, 32))
        76.0
    """
    return in_kib(max(peaks_by_part(model, inputs, {}).values()), dtype)


def in_kib(elements: int, dtype: str) -> float:
    """The KiB of so many elements."""
    return elements * BYTES[dtype] / KIB


def peaks_by_part(
    model: nn.Module, inputs: Tensor, parts: Mapping[str, nn.Module]
) -> dict[str, int]:
    """Executes a network, and finds its peaks, see :func:`peak_memory`.

    Args:
        model (nn.Module): The network.
        inputs (Tensor): Its input.
        parts (Mapping[str, nn.Module]): Modules of it by name, none in another one.

    Returns:
        dict[str, int]: The most elements that are alive, in the whole network, while a
        part is executed, 0 of one that computes nothing; ``''`` is all outside of them.
    """
    recorder = _Recorder()
    with ExitStack() as stack:
        stack.enter_context(untouched(model))
        for name, module in parts.items():

            def enter(*_, name: str = name) -> None:
                recorder.part = name

            def leave(*_) -> None:
                recorder.part = ''

            for register, hook in (
                (module.register_forward_pre_hook, enter),
                (module.register_forward_hook, leave),
            ):
                stack.callback(register(hook).remove)
        recorder.give(inputs)
        with recorder:
            output = model(inputs)
    live = live_elements(recorder.operations, recorder.sizes, recorder.known(output))
    peaks = dict.fromkeys(['', *parts], 0)
    for operation, elements in zip(recorder.operations, live):
        peaks[operation.part] = max(peaks[operation.part], elements)
    return peaks


@dataclass(frozen=True)
class Operation:
    """What one operation does with activations, which have numbers.

    Attributes:
        reads (tuple[int, ...]): Activations that it reads, or changes.
        writes (tuple[int, ...]): Those that it makes.
        kind (str): ``'in place'``: it may write over an input; ``'pad'``,
            ``'convolution'``, or ``''``.
        part (str): The part of the network that it is in.
    """

    reads: tuple[int, ...]
    writes: tuple[int, ...]
    kind: str = ''
    part: str = ''


def live_elements(
    operations: Sequence[Operation], sizes: Sequence[int], outputs: Sequence[int]
) -> list[int]:
    """Elements that are alive during each operation.

    Args:
        operations (Sequence[Operation]): In the order of their execution.
        sizes (Sequence[int]): Elements of the activations.
        outputs (Sequence[int]): Activations that are left at the end.
    """
    end = len(operations)
    readers: dict[int, list[int]] = {k: [end] for k in outputs}
    for place, operation in enumerate(operations):
        for k in operation.reads:
            readers.setdefault(k, []).append(place)
    last = {k: max(places) for k, places in readers.items()}
    # Where the memory of each is, and from when on it is taken.
    home: dict[int, int] = {}
    first: dict[int, int] = {}
    for place, operation in enumerate(operations):
        # What nobody reads, such as the indices of a pooling, no runtime computes.
        for k in filter(readers.__contains__, operation.writes):
            inputs = [home[n] for n in operation.reads]
            fits = []
            if operation.kind == 'pad':
                by = {operations[n].kind if n < end else '' for n in readers[k]}
                fits = inputs if by == {'convolution'} else []
            elif operation.kind == 'in place':
                same = (n for n in inputs if sizes[n] == sizes[k])
                fits = [n for n in same if last[n] == place]
            home[k] = owner = fits[0] if fits else k
            first.setdefault(owner, place)
            last[owner] = max(last[owner], last[k])
    live = [0] * end
    for k, begin in first.items():
        for place in range(begin, min(last[k] + 1, end)):
            live[place] += sizes[k]
    return live


class _Recorder(TorchDispatchMode):
    """Writes down what operations do with activations, while it is open."""

    def __init__(self) -> None:
        super().__init__()
        self.part = ''
        self.operations: list[Operation] = []
        self.sizes: list[int] = []
        # Numbers by storage; kept, so that none has the place of an earlier one.
        self._numbers: dict[int, int] = {}
        self._storages: list[Any] = []

    def give(self, inputs: Tensor) -> None:
        """Has the network's input as an activation."""
        self.operations.append(Operation((), self._new([inputs])))

    def known(self, tree: Any) -> tuple[int, ...]:
        """Numbers of the activations among tensors, however nested."""
        keys = [t.untyped_storage()._cdata for t in tensors_of(tree)]
        found = (self._numbers[key] for key in keys if key in self._numbers)
        return tuple(dict.fromkeys(found))

    def _new(self, tree: Any) -> tuple[int, ...]:
        numbers = []
        for tensor in tensors_of(tree):
            storage = tensor.untyped_storage()
            if storage._cdata not in self._numbers:
                numbers.append(len(self.sizes))
                self._numbers[storage._cdata] = len(self.sizes)
                self._storages.append(storage)
                self.sizes.append(storage.nbytes() // tensor.element_size())
        return tuple(numbers)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        reads = self.known((args, kwargs))
        output = func(*args, **(kwargs or {}))
        # What depends on no input is a constant of the network.
        writes = self._new(output) if reads else ()
        if writes or (reads and func._schema.is_mutable):
            operation = Operation(reads, writes, _kind(func, args), self.part)
            self.operations.append(operation)
        return output


def _kind(func: Any, args: Sequence[Any]) -> str:
    name = func.overloadpacket.__name__
    if 'convolution' in name:
        return 'convolution'
    if name == 'constant_pad_nd':
        # By 0, of height and width: what a convolution can have.
        inputs, sides, *value = args
        fits = not any(value) and len(sides) <= 2 * (inputs.dim() - 2)
        return 'pad' if fits else ''
    pointwise = torch.Tag.pointwise in func.tags and name not in COPIES
    return 'in place' if pointwise or any(n in name for n in IN_PLACE) else ''
