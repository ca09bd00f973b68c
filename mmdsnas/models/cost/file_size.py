"""Size of the file of a network."""

from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import ClassVar, Literal, Mapping, NamedTuple

import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError
from mmdsnas.utils.foreign import telling
from mmdsnas.utils.onnx_int8 import quantize_onnx
from mmdsnas.utils.options import InputShape, checked_options
from mmdsnas.utils.progress import progress
from mmdsnas.utils.ranks import on_rank_0
from ..mutables import blocks_of
from .network_files import INPUT, NetworkFiles
from .search_space import digest

KIB = 1024


class SizeTable(NamedTuple):
    """Sizes in KiB, by block and candidate, and of the rest."""

    blocks: dict[str, dict[str, float]]
    fixed_part: float


class FileSizeMeter:
    """Writes networks as ONNX files, with BatchNorm layers folded, for their sizes.

    Networks have the first candidate of every block but one: what a candidate takes is
    the difference from the file of first candidates. The child's file is written before
    it is fixed, and must be within the limit as a whole. Images of another size change
    no weight: for all of them files are written once.

    Args:
        input_shape (tuple): Shape of one input, with batch size 1.
        dtype (str): ``'float32'`` or ``'int8'``; both need the extra ``onnx``.

    Raises:
        ConfigError: It is not installed.
    """

    _sizes: ClassVar[dict[tuple[str, ...], float]] = {}

    @checked_options
    def __init__(
        self, input_shape: InputShape, dtype: Literal['float32', 'int8'] = 'float32'
    ) -> None:
        try:
            import onnx  # noqa: F401
            import onnxruntime  # noqa: F401
        except ImportError as error:
            raise ConfigError(
                'resource_estimator.size must be None where the extra onnx is not '
                "installed (pip install 'mmdsnas[onnx]'), which writes the files."
            ) from error
        self.input_shape, self.dtype = tuple(input_shape), dtype

    def table(self, model: nn.Module) -> SizeTable:
        """The sizes of a supernet in KiB; of a block the smallest candidate has 0."""
        return on_rank_0(partial(self._table, model), 'write files')

    def _table(self, model: nn.Module) -> SizeTable:
        choices = {name: list(b.choices) for name, b in blocks_of(model).items()}
        first = {name: own[0] for name, own in choices.items()}
        rest = self._written(model, first)
        others = [(name, c) for name, own in choices.items() for c in own[1:]]
        beyond = {name: {own[0]: 0.0} for name, own in choices.items()}
        for name, choice in progress(others, 'Writing files'):
            file = self._written(model, {**first, name: choice})
            beyond[name][choice] = file - self._written(model, first)
        least = {name: min(row.values()) for name, row in beyond.items()}
        blocks = {
            n: {c: s - least[n] for c, s in row.items()} for n, row in beyond.items()
        }
        return SizeTable(blocks, rest + sum(least.values()))

    def whole(self, model: nn.Module, path: Mapping[str, str]) -> float:
        """Size of the file of the network of a path, candidate by block, in KiB."""
        return on_rank_0(partial(self._written, model, path), 'write a file')

    def known_whole(self, model: nn.Module, path: Mapping[str, str]) -> float:
        """The same, on the process that calls it."""
        return self._written(model, path)

    def _written(self, model: nn.Module, path: Mapping[str, str]) -> float:
        key = digest(model), self.dtype, *path.values()
        if key not in self._sizes:
            self._sizes[key] = self._write(model, path)
        return self._sizes[key]

    def _write(self, model: nn.Module, path: Mapping[str, str]) -> float:
        option = 'resource_estimator.size'
        file = NetworkFiles(model, self.input_shape, 'onnx', option).of(path)
        if self.dtype == 'float32':
            return len(file) / KIB
        with TemporaryDirectory(prefix='mmdsnas-') as folder:
            source, target = Path(folder, 'float32.onnx'), Path(folder, 'int8.onnx')
            source.write_bytes(file)
            generator = torch.Generator().manual_seed(0)
            batch = {INPUT: torch.randn(self.input_shape, generator=generator)}
            with telling(f'{option} cannot have the networks of this search in int8'):
                quantize_onnx(source, target, [batch])
            return target.stat().st_size / KIB
