import copy
import statistics
from functools import partial
from logging import WARNING
from pathlib import Path
from typing import Annotated, Any, Literal, Mapping

import torch
import torch.nn as nn
from mmengine.logging import print_log
from pydantic import BaseModel, ConfigDict, Field, NonNegativeFloat, ValidationError
from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.utils.files import check_writable, write_atomically
from mmdsnas.utils.options import InputShape, Text, checked_options
from mmdsnas.utils.progress import progress
from mmdsnas.utils.ranks import on_rank_0
from ..mutables import blocks_of
from ..mutables.weight_parts import unshare
from .latency_backends import BACKENDS, Call, hardware
from .search_space import Inputs, block_inputs, digest, random_paths
from .stopwatch import median_times

# Random children whose measured latency tells that of the fixed part.
CHILDREN = 5


class LatencyTable(BaseModel):
    """Measured latencies of a supernet in ms, as a JSON file keeps them.

    They are those of the blocks, by block and candidate, and of what every path
    contains; ``setting`` is what they depend on, see ``LatencyMeter.setting``.
    """

    model_config = ConfigDict(extra='forbid', strict=True, allow_inf_nan=False)

    setting: dict[str, Any]
    blocks: dict[str, dict[str, NonNegativeFloat]]
    fixed_part: NonNegativeFloat


class Nothing(nn.Module):
    """Takes whatever a block takes, and does nothing."""

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return args, kwargs


class LatencyMeter:
    """Measures the latency of every candidate of every block.

    A candidate is timed alone, with the input that its block gets. A call that
    does nothing is timed beside it and subtracted: a network is called once, not
    block by block. What the blocks leave of whole children's latencies is the
    fixed part, so that a path's latency is a sum, like its FLOPs.

    Args:
        input_shape (tuple): Shape of one input, with batch size 1.
        backend (str): ``'pytorch'``, eager, or ``'onnxruntime'``, with the extra
            ``onnx``, on the CPU.
        device (str, optional): ``'cpu'`` or ``'cuda'``; by default the GPU, if any.
        threads (int): Threads on the CPU.
        batch_size (int): Latencies are those of a batch of so many inputs.
        repeats (int): Measurements of each candidate; the median counts.
        file (str | Path, optional): Keeps the table, for runs of the same setting.

    Raises:
        ConfigError: An option is out of range, or a package or a GPU is missing.
    """

    @checked_options
    def __init__(
        self,
        input_shape: InputShape,
        backend: Literal['pytorch', 'onnxruntime'] = 'pytorch',
        device: Literal['cpu', 'cuda'] | None = None,
        threads: Annotated[int, Field(ge=1, le=1024)] = 1,
        batch_size: Annotated[int, Field(ge=1, le=1024)] = 1,
        repeats: Annotated[int, Field(ge=1, le=1000)] = 100,
        file: Text | Path | None = None,
    ) -> None:
        self.input_shape = (batch_size, *input_shape[1:])
        self.backend_name = backend
        self.backend = BACKENDS[backend](device, threads)
        self.threads = threads
        self.repeats = repeats
        self.file = file
        self.stopwatch = median_times

    def setting(self, model: nn.Module) -> dict[str, Any]:
        """What the latencies of a supernet depend on, as plain values."""
        return dict(
            backend=self.backend_name,
            device=self.backend.device,
            hardware=hardware(self.backend.device),
            threads=self.threads,
            dtype=str(_like(model).dtype).removeprefix('torch.'),
            input_shape=list(self.input_shape),
            repeats=self.repeats,
            search_space=digest(model),
            **self.backend.versions,
        )

    def table(self, model: nn.Module) -> LatencyTable:
        """The latencies of a supernet, see :meth:`table_and_networks`."""
        return self.table_and_networks(model, {})[0]

    @torch.no_grad()
    def table_and_networks(
        self, model: nn.Module, networks: Mapping[Any, nn.Module]
    ) -> tuple[LatencyTable, dict[Any, float]]:
        """The latencies of a supernet, and of networks without alternatives, by key.

        The table comes from the file where that is of the same setting. The main
        process measures; all get the same. The supernet stays as it was.

        Raises:
            UserError: The file cannot be used, or the backend not execute the model.
        """
        measure = partial(self._read_or_measure, model, networks)
        return on_rank_0(measure, 'measure latencies')

    def _read_or_measure(self, model, networks):
        setting = self.setting(model)
        if self.file is None:
            return self._measure(model, networks, setting)
        path = Path(self.file)
        kept = read_latencies(path)
        if kept is not None:
            changed = [
                f'{name} was {kept.setting.get(name)} and is {setting.get(name)}'
                for name in {**kept.setting, **setting}
                if kept.setting.get(name) != setting.get(name)
            ]
            if not changed:
                print_log(f'Latencies are those in {path}.', 'current')
                return kept, self._times(self._network_calls(networks))
            told = (
                f'The latencies in {path} are not those of this run, and are measured '
                f'again: {"; ".join(changed)}.'
            )
            print_log(told, 'current', WARNING)
        # Before minutes of measuring.
        check_writable(path.parent, 'the folder of resource_estimator.latency.file')
        table, times = self._measure(model, networks, setting)
        with write_atomically(path) as temporary:
            temporary.write_text(f'{table.model_dump_json(indent=2)}\n', 'utf-8')
        return table, times

    def _measure(self, model, networks, setting):
        """Times candidates and whole networks side by side."""
        model = self._copied(model)
        choices = {n: list(b.choices) for n, b in blocks_of(model).items()}
        paths = random_paths(choices, CHILDREN, seed=0)
        children = {('child', k): _child(model, path) for k, path in enumerate(paths)}
        calls = self._network_calls({**children, **networks})
        times = self._times({**self._candidate_calls(model), **calls})
        table = {
            block: {c: max(0.0, times[block, c] - times[block, None]) for c in options}
            for block, options in choices.items()
        }
        rest = statistics.median(
            times['child', k] - sum(table[block][c] for block, c in path.items())
            for k, path in enumerate(paths)
        )
        if rest < 0:
            told = (
                'whole networks are faster than the sum of their blocks, by '
                f'{-rest:.3f} ms: the latency of the fixed part is taken as 0, and '
                'those of paths are too large.'
            )
            print_log(told, 'current', WARNING)
        found = dict(setting=setting, blocks=table, fixed_part=max(0.0, rest))
        return LatencyTable(**found), {key: times[key] for key in networks}

    def _candidate_calls(self, model: nn.Module) -> dict[Any, Call]:
        """By block and candidate (None: does nothing), all calls of the block."""
        inputs = block_inputs(model, self._inputs(model))
        return {
            (name, choice): self._call(module, inputs[name])
            for name, block in progress(blocks_of(model).items(), 'Preparing blocks')
            for choice, module in [*block._candidates.items(), (None, Nothing())]
        }

    def _network_calls(self, networks: Mapping[Any, nn.Module]) -> dict[Any, Call]:
        calls = {}
        for key, network in progress(networks.items(), 'Preparing networks'):
            network = self._copied(network)
            calls[key] = self._call(network, [((self._inputs(network),), {})])
        return calls

    def _copied(self, model: nn.Module) -> nn.Module:
        model = copy.deepcopy(model)
        # A child does not compute its weights, and a backend takes what a module has.
        unshare(model)
        return model.to(self.backend.device).eval()

    def _call(self, module: nn.Module, inputs: list[Inputs]) -> Call:
        calls = [self.backend.prepare(module, *given) for given in inputs]
        return calls[0] if len(calls) == 1 else lambda: [call() for call in calls]

    def _times(self, calls: Mapping[Any, Call]) -> dict[Any, float]:
        return self.stopwatch(calls, self.repeats, self.threads) if calls else {}

    def _inputs(self, model: nn.Module) -> Tensor:
        # Not zeros, which some libraries are faster with.
        generator = torch.Generator().manual_seed(0)
        noise = torch.randn(self.input_shape, generator=generator)
        return noise.to(_like(model))


def _like(model: nn.Module) -> Tensor:
    return next(model.parameters(), torch.zeros(()))


def _child(model: nn.Module, path: Mapping[str, str]) -> nn.Module:
    child = copy.deepcopy(model)
    for name, block in blocks_of(child).items():
        block.fix_chosen(path[name])
    return child


def read_latencies(path: Path) -> LatencyTable | None:
    """Reads a file of latencies, None if there is none; refuses what is none."""
    try:
        return LatencyTable.model_validate_json(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        reason = f'cannot be read: {error.strerror}'
    except ValidationError as error:
        reason = f'is another one: {error.errors()[0]["msg"]}'
    raise ConfigError(
        'resource_estimator.latency.file must be a file of measured latencies, or one '
        f'that does not exist yet, but {path} {reason}.'
    )
