"""The child of a run, read from the file of a search or from a checkpoint."""

import math
from dataclasses import dataclass, field
from os.path import isfile
from pathlib import Path
from typing import Any, Iterable, Mapping

from mmdsnas.errors import CheckpointError, SubnetError
from mmdsnas.models.cost import COSTS
from mmdsnas.subnets import recorded_classes, recorded_subnet
from mmdsnas.subnets.checkpoint import LAST_CHECKPOINT, SUBNET_PTH, load_checkpoint
from mmdsnas.subnets.metadata import meta_of, number, recorded_input_size

# What a checkpoint tells of the child and of its blocks, and how a table calls it.
UNITS = {cost.key: cost.unit for cost in COSTS.values()}
NUMBERS = dict(probability='probability', **UNITS)
# By block: ``candidate``, and those of ``NUMBERS`` that are known.
Blocks = dict[str, dict[str, Any]]


@dataclass
class Child:
    """What the files of a run tell of its child."""

    #: From the input to the output.
    blocks: Blocks = field(default_factory=dict)
    #: Of the whole, see ``UNITS``.
    costs: dict[str, float] = field(default_factory=dict)
    #: Metrics of the test, by name.
    test: dict[str, float] = field(default_factory=dict)
    #: Names of the classes.
    classes: list[str] = field(default_factory=list)
    #: Pixels of an edge of its square images.
    input_size: int | None = None
    #: Its name, and metrics of its validation, where it is a network made by hand that
    #: took the place of the search's.
    network: str = ''
    validation: dict[str, float] = field(default_factory=dict)
    #: Whether ``predictions.csv`` is of images of ``'test'`` or ``'val'``; ``''``
    #: where there is none of this child.
    predicted_on: str = ''
    #: Files that are damaged, or of another run.
    left_out: list[str] = field(default_factory=list)


def read_child(
    work_dir: Path, done: float, validated: float, begun: str | None = None
) -> Child:
    """Reads the child, or what the last checkpoint tells of it.

    How far a run is tells its files from those of an earlier one: the epochs that it
    had ``done``, and had when it last wrote its child; and, if the folder had a run
    before, ``DATE_TIME`` when it was ``begun``. The times of the files would not: they
    change when a folder is copied.
    """

    child = Child()
    paths, last = [work_dir / SUBNET_PTH], work_dir / LAST_CHECKPOINT
    try:
        if isfile(last):
            # The path where the run wrote it; the folder may have moved since.
            told = last.read_text(encoding='utf-8', errors='replace').strip()
            paths.append(work_dir / Path(told).name)
    except OSError as error:
        child.left_out.append(f'{last} cannot be read: {error.strerror or error}')
    for path in filter(isfile, paths):
        try:
            checkpoint = load_checkpoint(path)
            meta = meta_of(checkpoint)
            epoch, time = meta.get('epoch', math.nan), meta.get('time')
            foreign = epoch > math.ceil(done)
            if begun is not None:
                # A checkpoint has the time of its saving.
                foreign |= isinstance(time, str) and time < begun
                foreign |= path.name == SUBNET_PTH and epoch < validated
            if foreign:
                child.left_out.append(f'{path.name}, which is not of this run')
                continue
            child.blocks = _blocks(checkpoint)
            child.costs, tested = _numbers(meta, UNITS), meta.get('test_metrics', {})
            child.test = _numbers(tested, tested)
            if child_name := meta.get('network'):
                metrics = meta.get('metrics', {})
                child.network, child.validation = child_name, _numbers(metrics, metrics)
            child.classes = recorded_classes(checkpoint)
            child.input_size = recorded_input_size(checkpoint)
            child.predicted_on = meta.get('predicted_on', '')
            break
        except (CheckpointError, SubnetError) as error:
            child.left_out.append(str(error).rstrip('.'))
    return child


def _blocks(checkpoint: Mapping[str, Any]) -> Blocks:
    blocks = meta_of(checkpoint).get('blocks')
    if blocks is None:
        subnet = recorded_subnet(checkpoint) or {}
        return {name: dict(candidate=chosen) for name, chosen in subnet.items()}
    return {
        name: dict(candidate=str(of.get('candidate')), **_numbers(of, NUMBERS))
        for name, of in blocks.items()
    }


def _numbers(told: Mapping[str, Any], names: Iterable[str]) -> dict[str, float]:
    found = {name: number(told.get(name)) for name in names}
    return {name: value for name, value in found.items() if value is not None}
