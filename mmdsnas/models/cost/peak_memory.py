"""Peak memory of the activations of a network, by liveness over what it executes."""

from contextlib import ExitStack
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Mapping, NamedTuple, Sequence

import torch
import torch.nn as nn
from pydantic import Field
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from mmdsnas.utils.options import InputShape, checked_options
from ..mutables import blocks_of, one_path, tensors_of
from ..state import untouched
from .search_space import covering_paths

# Bytes of an element, by its type.
BYTES = dict(float32=4, int8=1)
KIB = 1024
# What runtimes fold into the operation before, beside pointwise operations; and copies
# that torch takes for these, but that lie beside what is copied.
FOLDED, COPIES = ('batch_norm',), ('clone', 'copy')


class Operation(NamedTuple):
    """What an operation reads and writes.

    Attributes:
        reads, writes (list[int]): Places in the list of buffers.
        in_place (bool): Whether it may write over what it reads, if nothing else does
            read that later.
    """

    reads: list[int]
    writes: list[int]
    in_place: bool


def live_elements(
    sizes: Sequence[int], operations: Sequence[Operation], kept: Sequence[int]
) -> list[int]:
    """Elements that are held while each operation is executed.

    A buffer is held from the operation that writes it to the last one that reads it.
    One that is written in place takes the memory of a buffer of its size that is read
    for the last time.

    Args:
        sizes (Sequence[int]): Elements of each buffer. What no operation writes, the
            input, is held from the first one on.
        operations (Sequence[Operation]): In their order.
        kept (Sequence[int]): Buffers of the output, which are held to the end.
    """
    first, last = [0] * len(sizes), [0] * len(sizes)
    for k, operation in enumerate(operations):
        for buffer in operation.reads:
            last[buffer] = k
        for buffer in operation.writes:
            first[buffer] = last[buffer] = k
    for buffer in kept:
        last[buffer] = len(operations) - 1
    memory = list(range(len(sizes)))
    for k, operation in enumerate(operations):
        for written in operation.writes if operation.in_place else ():
            free = (
                memory[read]
                for read in operation.reads
                if last[memory[read]] == k and sizes[read] == sizes[written]
            )
            memory[written] = place = next(free, written)
            last[place] = last[written]
    live = [0] * len(operations)
    for buffer in {*memory}:
        for k in range(first[buffer], last[buffer] + 1):
            live[k] += sizes[buffer]
    return live


class _Trace(TorchDispatchMode):
    """Notes what operations read and write; weights are no activations."""

    def __init__(self, inputs: Tensor) -> None:
        super().__init__()
        self.sizes, self.operations = [], []
        self._places: dict[int, int] = {}
        # No memory may be given to another tensor meanwhile.
        self._results: list[Any] = []
        self.place(inputs)

    def place(self, tensor: Tensor, new: bool = True) -> int | None:
        """The buffer of a tensor; views share one. None: it has none."""
        storage = tensor.untyped_storage()
        known = self._places.get(storage._cdata)
        if known is None and new:
            self._places[storage._cdata] = known = len(self.sizes)
            self.sizes.append(storage.nbytes() // tensor.element_size())
            self._results.append(tensor)
        return known

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        read = (self.place(x, new=False) for x in tensors_of([args, kwargs]))
        reads = list(dict.fromkeys(place for place in read if place is not None))
        if reads:
            number, name = len(self.sizes), str(function)
            for tensor in tensors_of(result):
                self.place(tensor)
            pointwise = torch.Tag.pointwise in function.tags
            in_place = pointwise and not any(copy in name for copy in COPIES)
            in_place = in_place or any(folded in name for folded in FOLDED)
            writes = list(range(number, len(self.sizes)))
            self.operations.append(Operation(reads, writes, in_place))
        return result


@dataclass(frozen=True)
class PeakMemory:
    """Elements of activations that a network holds at once.

    Attributes:
        whole (int): At most.
        rest (int): At most while no searchable block is executed.
        blocks (dict[str, int]): At most while each of them is.
    """

    whole: int
    rest: int
    blocks: dict[str, int]


@torch.no_grad()
def peak_memory(model: nn.Module, inputs: Tensor) -> PeakMemory:
    """The activations that a network holds at once, as a runtime plans memory.

    An activation is held from the operation that computes it to the last one that reads
    it. The input is one, weights are not, nor is what is computed of weights alone.
    Pointwise operations and BatchNorm write in place where nothing else reads their
    input later. What an operation needs besides, such as the columns of a convolution
    as a matrix product, is not counted.

    Args:
        model (nn.Module): A network, or a supernet whose blocks have a choice. It is
            executed in eval mode, and stays as it was.
        inputs (Tensor): What it gets.
    """
    ranges: dict[str, list[range]] = {}
    with untouched(model), ExitStack() as opened:
        trace = _Trace(inputs)
        begun: list[int] = []

        def begin(*_: Any) -> None:
            begun.append(len(trace.operations))

        for name, block in blocks_of(model).items():
            own = ranges[name] = []

            def end(*_: Any, own: list[range] = own) -> None:
                own.append(range(begun.pop(), len(trace.operations)))

            opened.callback(block.register_forward_pre_hook(begin).remove)
            opened.callback(block.register_forward_hook(end).remove)
        with trace:
            output = model(inputs)
        found = (trace.place(tensor, new=False) for tensor in tensors_of(output))
    kept = [place for place in found if place is not None]
    live = live_elements(trace.sizes, trace.operations, kept)
    inside = {k for own in ranges.values() for part in own for k in part}
    return PeakMemory(
        whole=max(live, default=0),
        rest=max((n for k, n in enumerate(live) if k not in inside), default=0),
        blocks={
            name: max((live[k] for part in own for k in part), default=0)
            for name, own in ranges.items()
        },
    )


class MemoryTable(NamedTuple):
    """Peaks in KiB, by block and candidate, and while no block is executed."""

    blocks: dict[str, dict[str, float]]
    fixed_part: float


class PeakMemoryMeter:
    """Finds the peak memory of activations of candidates, and of whole networks.

    A peak is a maximum: that of a path is the largest of its candidates, and of what is
    executed besides. See :func:`peak_memory` for what counts.

    Args:
        input_shape (tuple): Shape of one input, with batch size 1.
        dtype (str): Of activations: ``'float32'`` or ``'int8'``, a quarter of that.
        batch_size (int): Inputs of a batch.
    """

    @checked_options
    def __init__(
        self,
        input_shape: InputShape,
        dtype: Literal['float32', 'int8'] = 'float32',
        batch_size: Annotated[int, Field(ge=1, le=1024)] = 1,
    ) -> None:
        self.input_shape = (batch_size, *input_shape[1:])
        self.bytes = BYTES[dtype]

    def table(self, model: nn.Module) -> MemoryTable:
        """The peaks of a supernet in KiB."""
        choices = {n: list(b.choices) for n, b in blocks_of(model).items()}
        blocks: dict[str, dict[str, float]] = {name: {} for name in choices}
        rest = 0.0
        for path in covering_paths(choices):
            found = self._peak(model, path)
            rest = max(rest, self._kib(found.rest))
            for name, elements in found.blocks.items():
                known = blocks[name].get(path[name], 0.0)
                blocks[name][path[name]] = max(known, self._kib(elements))
        in_order = {n: {c: blocks[n][c] for c in own} for n, own in choices.items()}
        return MemoryTable(in_order, rest)

    def whole(self, model: nn.Module, path: Mapping[str, str]) -> float:
        """The peak of the network of a path, candidate by block, in KiB."""
        return self._kib(self._peak(model, path).whole)

    known_whole = whole

    def _peak(self, model: nn.Module, path: Mapping[str, str]) -> PeakMemory:
        like = next(model.parameters(), torch.zeros(()))
        with one_path(blocks_of(model), path):
            return peak_memory(model, like.new_zeros(self.input_shape))

    def _kib(self, elements: int) -> float:
        return elements * self.bytes / KIB
