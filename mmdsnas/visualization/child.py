"""The child of a run, read from the file of a search or from a checkpoint."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from mmdsnas.errors import CheckpointError, SubnetError
from mmdsnas.models.cost import COSTS
from mmdsnas.subnets import read_subnet, recorded_classes
from mmdsnas.subnets.checkpoint import (
    LAST_CHECKPOINT,
    SUBNET_PTH,
    SUBNET_YAML,
    load_checkpoint,
)
from mmdsnas.subnets.metadata import meta_of, number

# What a checkpoint tells of the child and of its blocks, and how a table calls it.
UNITS = {cost.key: cost.unit for cost in COSTS.values()}
NUMBERS = dict(probability='probability', **UNITS)


@dataclass
class Block:
    """The candidate of a block, and the ``NUMBERS`` that the files tell of it."""

    name: str
    candidate: str
    numbers: Dict[str, float] = field(default_factory=dict)


@dataclass
class Child:
    """What the files of a run tell of its child.

    Attributes:
        blocks (list[Block]): From the input to the output.
        costs (dict[str, float]): Of the whole, see ``UNITS``.
        test (dict[str, float]): Metrics of the test, by name.
        classes (list[str]): Names of the classes.
        left_out (list[str]): Files that are damaged, or of another run.
    """

    blocks: List[Block] = field(default_factory=list)
    costs: Dict[str, float] = field(default_factory=dict)
    test: Dict[str, float] = field(default_factory=dict)
    classes: List[str] = field(default_factory=list)
    left_out: List[str] = field(default_factory=list)


def read_child(
    work_dir: Path, done: float, validated: float, begun: Optional[str] = None
) -> Child:
    """Reads the child, or what the last checkpoint tells of it.

    How far a run is tells its files from those of an earlier one. The times of the
    files would not: they change when a folder is copied.

    Args:
        work_dir (Path): Work directory of a run.
        done (float): Epochs that it had.
        validated (float): Epochs that it had when it last wrote its child.
        begun (str, optional): ``DATE_TIME`` of its start, if the folder had a run
            before.
    """

    def belongs(meta: Mapping[str, Any], is_child: bool) -> bool:
        epoch, time = number(meta.get('epoch')), meta.get('time')
        if begun is not None and is_child and epoch is not None and epoch < validated:
            return False
        # A checkpoint has the time of its saving.
        if begun is not None and isinstance(time, str) and time < begun:
            return False
        return (epoch or 0) <= math.ceil(done)

    left_out: List[str] = []
    child, foreign = Child(), False
    for path in _checkpoints(work_dir, left_out):
        try:
            checkpoint = load_checkpoint(path)
            meta = meta_of(checkpoint)
            if belongs(meta, path.name == SUBNET_PTH):
                child = Child(
                    _blocks(meta),
                    _numbers(meta, UNITS),
                    _numbers(meta.get('test_metrics')),
                    recorded_classes(checkpoint),
                )
                break
            left_out.append(f'{path.name}, which is not of this run')
            foreign = True
        except (CheckpointError, SubnetError) as error:
            left_out.append(str(error).rstrip('.'))
    yaml = work_dir / SUBNET_YAML
    # It tells no epoch, and is written with subnet.pth.
    if not (child.blocks or foreign or begun) and yaml.is_file():
        try:
            child.blocks = _of_subnet(yaml)
        except SubnetError as error:
            left_out.append(str(error).rstrip('.'))
    child.left_out = left_out
    return child


def _numbers(told: Any, names: Any = None) -> Dict[str, float]:
    """The numbers of what should be a dict of them; of all names, or of some."""
    told = told if isinstance(told, Mapping) else {}
    found = {str(name): number(told.get(name)) for name in names or told}
    return {name: value for name, value in found.items() if value is not None}


def _blocks(meta: Mapping[str, Any]) -> List[Block]:
    blocks = meta.get('blocks')
    if isinstance(blocks, Mapping):
        return [
            Block(str(name), str(block.get('candidate')), _numbers(block, NUMBERS))
            for name, block in blocks.items()
            if isinstance(block, Mapping)
        ]
    # A path in a checkpoint would name a file that is not of the run.
    subnet = meta.get('subnet')
    return _of_subnet(subnet) if subnet and isinstance(subnet, Mapping) else []


def _of_subnet(source: Any) -> List[Block]:
    return [Block(name, choice) for name, choice in read_subnet(source).items()]


def _checkpoints(work_dir: Path, left_out: List[str]) -> List[Path]:
    """The child's file, then the last checkpoint."""
    paths = [work_dir / SUBNET_PTH]
    last = work_dir / LAST_CHECKPOINT
    try:
        if last.is_file():
            # The path where the run wrote it; the folder may have moved since.
            told = last.read_text(encoding='utf-8', errors='replace').strip()
            paths += [path for path in [work_dir / Path(told).name] if path.is_file()]
    except OSError as error:
        left_out.append(f'{last} cannot be read: {error.strerror or error}')
    return paths if paths[0].is_file() else paths[1:]
