"""Peak memory of activations as a cost of candidates and of networks."""

from typing import Annotated, Literal, Mapping, NamedTuple

import torch
import torch.nn as nn
from pydantic import Field

from mmdsnas.utils.foreign import telling
from mmdsnas.utils.options import InputShape, checked_options
from ..mutables import blocks_of, one_path
from .peak_memory import in_kib, peaks_by_part
from .search_space import covering_paths


class MemoryTable(NamedTuple):
    """Peaks in KiB, by block and candidate, and while no block is executed."""

    blocks: dict[str, dict[str, float]]
    fixed_part: float


class PeakMemoryMeter:
    """Finds the peak memory of activations of candidates, and of whole networks.

    That of a candidate is what is alive while it is executed in a whole network, see
    :func:`peak_memory`. That of a path is the largest of its candidates', and of what
    is executed besides, where what is alive in a block does not depend on the choices
    of others.

    Args:
        input_shape (tuple): Shape of one input, with batch size 1.
        dtype (str): Of activations: ``'float32'`` or ``'int8'``, a quarter of that.
        batch_size (int): Inputs of a batch.

    Raises:
        ConfigError: An option is out of range; in the methods, the model does not
            accept the input.
    """

    @checked_options
    def __init__(
        self,
        input_shape: InputShape,
        dtype: Literal['float32', 'int8'] = 'float32',
        batch_size: Annotated[int, Field(ge=1, le=1024)] = 1,
    ) -> None:
        self.input_shape = (batch_size, *input_shape[1:])
        self.dtype = dtype

    def table(self, model: nn.Module) -> MemoryTable:
        """The peaks of a supernet, by as many executions as a block has candidates."""
        choices = {n: list(b.choices) for n, b in blocks_of(model).items()}
        blocks = {name: dict.fromkeys(own, 0.0) for name, own in choices.items()}
        rest = 0.0
        for path in covering_paths(choices):
            peaks = self._peaks(model, path)
            rest = max(rest, peaks.pop(''))
            for name, peak in peaks.items():
                row, choice = blocks[name], path[name]
                row[choice] = max(row[choice], peak)
        return MemoryTable(blocks, rest)

    def whole(self, model: nn.Module, path: Mapping[str, str]) -> float:
        """The peak of the network of a path, candidate by block, in KiB."""
        return max(self._peaks(model, path).values())

    known_whole = whole

    def _peaks(self, model: nn.Module, path: Mapping[str, str]) -> dict[str, float]:
        """By block, and outside of them, ``''``."""
        like = next(model.parameters(), torch.zeros(()))
        blocks = blocks_of(model)
        with (
            one_path(blocks, path),
            torch.no_grad(),
            telling(
                'the architecture must accept a batch of resource_estimator.memory, '
                f'but with {self.input_shape} its forward fails'
            ),
        ):
            peaks = peaks_by_part(model, like.new_zeros(self.input_shape), blocks)
        return {name: in_kib(elements, self.dtype) for name, elements in peaks.items()}
