"""Latencies that a command of the user measures where the child will run."""

import statistics
from functools import partial
from logging import WARNING
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Any, Literal, Mapping

import torch
import torch.nn as nn
from mmengine.logging import print_log
from pydantic import Field

from mmdsnas.errors import ConfigError
from mmdsnas.utils.options import (
    Count,
    InputShape,
    Natural,
    Positive,
    Text,
    checked_options,
)
from mmdsnas.utils.progress import progress
from mmdsnas.utils.ranks import on_rank_0
from ..mutables import blocks_of
from .additive import chosen_paths, fit_sum, num_effects
from .device_command import Command, Pattern, run_command
from .device_messages import tell_errors, warn_unsteady
from .latency import LatencyMeter
from .measured_file import MeasuredFile, MeasuredTable
from .network_files import NetworkFiles, digest_of
from .search_space import digest, random_paths

# By default, networks that are measured for each number of a table.
PER_EFFECT = 2
# Networks that are measured before the first one is once more.
BETWEEN = 20
# Measurements of a child, all of which must be within the limit.
CONFIRMED = 3
# Of the random paths that are held out.
SEED = 0


class DeviceLatencyMeter:
    """Has a command measure whole networks, and takes candidates for parts of a sum.

    The command gets the file of a network, of which the weights have no meaning, and
    prints milliseconds. In each network all blocks are others, so that whatever a
    device fuses or overlaps counts; what candidates take is the sum that is the nearest
    to all networks, see ``fit_sum`` of ``additive``. The first one is measured again
    and again, which tells whether the device is steady.

    What was measured is kept in the file at once, by the hash of the network's file: an
    interrupted measurement goes on, and no network is measured twice.

    Args:
        input_shape (tuple): Shape of one input, with batch size 1.
        command (str): Words as a shell takes them, with ``{model}`` for the file. It
            is started without a shell, where the search was.
        pattern (str, optional): Regular expression whose group is the number among what
            the command prints; the last number of all by default.
        timeout (float): Seconds that a command may take.
        format (str): Of the file: ``'onnx'`` or ``'pt2'``.
        batch_size (int): Latencies are those of a batch of so many inputs.
        networks (int, optional): How many are measured; twice as many as there are
            effects of candidates by default.
        repeats (int): How often each is measured; the median counts.
        held_out (int): Random paths that are measured to tell how well sums predict.
        file (str | Path, optional): Keeps what was measured.

    Raises:
        ConfigError: An option is out of range.
    """

    @checked_options
    def __init__(
        self,
        input_shape: InputShape,
        command: Command,
        pattern: Pattern | None = None,
        timeout: Positive = 600.0,
        format: Literal['onnx', 'pt2'] = 'onnx',
        batch_size: Annotated[int, Field(ge=1, le=1024)] = 1,
        networks: Count | None = None,
        repeats: Count = 1,
        held_out: Natural = 10,
        file: Text | Path | None = None,
    ) -> None:
        self.input_shape = (batch_size, *input_shape[1:])
        self.command, self.pattern, self.timeout = command, pattern, timeout
        self.format, self.networks = format, networks
        self.repeats, self.held_out = repeats, held_out
        self.kept = MeasuredFile(file, _key(command, pattern))
        self._names: dict[tuple[str, ...], str] = {}

    def setting(self, model: nn.Module) -> dict[str, Any]:
        """What the latencies of a supernet depend on, as plain values."""
        return dict(
            command=self.command,
            pattern=self.pattern,
            format=self.format,
            input_shape=list(self.input_shape),
            networks=self.networks,
            repeats=self.repeats,
            search_space=digest(model),
            torch=torch.__version__,
        )

    def table(self, model: nn.Module) -> MeasuredTable:
        """The latencies of a supernet, see :meth:`table_and_networks`."""
        return self.table_and_networks(model, {})[0]

    def table_and_networks(
        self, model: nn.Module, networks: Mapping[Any, nn.Module]
    ) -> tuple[MeasuredTable, dict[Any, float]]:
        """The latencies of a supernet, and of networks without alternatives, by key.

        The main process measures; all get the same.

        Raises:
            UserError: The command fails, the file cannot be used, or a network not be
                exported.
        """
        measure = partial(self._table_and_networks, model, networks)
        return on_rank_0(measure, 'measure latencies')

    def whole(self, model: nn.Module, path: Mapping[str, str]) -> float:
        """The latency of the network of a path, candidate by block, in ms.

        It is measured several times; the largest counts.

        Raises:
            UserError: See :meth:`table_and_networks`.
        """

        def measure() -> float:
            file = NetworkFiles(model, self.input_shape, self.format).of(path)
            return max(self._measure(file, CONFIRMED))

        return on_rank_0(measure, 'measure the latency of the child')

    def known_whole(self, model: nn.Module, path: Mapping[str, str]) -> float | None:
        """As :meth:`whole`, of what was measured before; None if it was not."""
        try:
            if not self.kept.read().measured:
                return None
            found = self.kept.of(self._name(model, path))
        except ConfigError as error:
            # One process asks, which alone must not end.
            print_log(str(error), 'current', WARNING)
            return None
        return max(found[:CONFIRMED]) if len(found) >= CONFIRMED else None

    def _name(self, model: nn.Module, path: Mapping[str, str]) -> str:
        """The hash of the file of a path, which is not written at each validation."""
        key = digest(model), *path.values()
        if key not in self._names:
            file = NetworkFiles(model, self.input_shape, self.format).of(path)
            self._names[key] = digest_of(file)
        return self._names[key]

    def _table_and_networks(self, model, networks):
        self.kept.check_writable()
        setting = self.setting(model)
        table = self.kept.table(setting)
        if table is None:
            table = self.kept.add_table(self._measured_table(model, setting))
        else:
            print_log(f'Latencies are those in {self.kept.path}.', 'current')
        times = {}
        for key, network in progress(networks.items(), 'Measuring networks'):
            file = NetworkFiles(network, self.input_shape, self.format).of({})
            times[key] = statistics.median(self._measure(file, self.repeats))
        return table, times

    def _measured_table(
        self, model: nn.Module, setting: dict[str, Any]
    ) -> MeasuredTable:
        choices = {n: list(b.choices) for n, b in blocks_of(model).items()}
        number = self._number(num_effects(choices))
        paths = chosen_paths(choices, number)
        held_out = random_paths(choices, self.held_out, SEED)
        files = NetworkFiles(model, self.input_shape, self.format)
        first, times = files.of(paths[0]), []
        tried = [*paths, *held_out]
        for k, path in enumerate(progress(tried, 'Measuring on the device')):
            # What an earlier run measured takes a moment.
            if k % BETWEEN == 0:
                self._measure(first, self.repeats + k // BETWEEN)
            found = self._measure(files.of(path), self.repeats)
            times.append(statistics.median(found))
        warn_unsteady(self.kept.of(digest_of(first)), times)
        blocks, rest = fit_sum(choices, paths, times[: len(paths)])
        predicted = [
            rest + sum(blocks[b][c] for b, c in path.items()) for path in held_out
        ]
        measured = times[len(paths) :]
        if measured:
            tell_errors(measured, predicted)
        return MeasuredTable(
            setting=setting,
            blocks=blocks,
            fixed_part=rest,
            held_out=list(zip(measured, predicted)),
        )

    def _number(self, effects: int) -> int:
        if self.networks is None:
            return PER_EFFECT * effects
        if self.networks < effects:
            raise ConfigError(
                f'resource_estimator.latency.networks must be at least {effects}, so '
                'many numbers as the sums of this search space have, but is '
                f'{self.networks}.'
            )
        return self.networks

    def _measure(self, file: bytes, number: int) -> list[float]:
        """So many measurements of a file, those that are kept and the others."""
        name = digest_of(file)
        found = self.kept.of(name)
        if len(found) < number:
            with TemporaryDirectory(prefix='mmdsnas-') as folder:
                path = Path(folder, f'{name}.{self.format}')
                path.write_bytes(file)
                while len(found) < number:
                    given = self.command, path, self.timeout, self.pattern
                    found = self.kept.add(name, run_command(*given))
        return found[:number]


def _key(command: str, pattern: str | None) -> str:
    return command if pattern is None else f'{command} | {pattern}'


def latency_meter(
    input_shape: InputShape, **options: Any
) -> LatencyMeter | DeviceLatencyMeter:
    """What measures latencies: a command, where one is given, or a backend here."""
    kind = DeviceLatencyMeter if options.get('command') is not None else LatencyMeter
    return kind(input_shape, **options)
