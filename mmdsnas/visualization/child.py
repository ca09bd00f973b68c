"""The child of a run, read from the file of a search or from a checkpoint."""

import math
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Union

from mmdsnas.errors import CheckpointError, SubnetError
from mmdsnas.models.cost import COSTS
from mmdsnas.subnets import read_subnet, recorded_classes
from mmdsnas.subnets.checkpoint import load_checkpoint
from mmdsnas.subnets.file_names import LAST_CHECKPOINT, SUBNET_PTH, SUBNET_YAML
from mmdsnas.subnets.metadata import meta_of, number


@dataclass
class Block:
    """The candidate of a block; None is what the files do not tell."""

    name: str
    candidate: str
    probability: Optional[float] = None
    costs: Dict[str, float] = field(default_factory=dict)


@dataclass
class Child:
    """What the files of a run tell of its child.

    Attributes:
        blocks (list[Block]): From the input to the output.
        costs (dict[str, float]): Of the whole, by the names of ``COSTS``.
        test (dict[str, float]): Metrics of the test, by name.
        classes (list[str]): Names of the classes.
        facts (dict[str, str]): Versions, and the seed.
        left_out (list[str]): Files that are damaged, or of another run.
    """

    blocks: List[Block] = field(default_factory=list)
    costs: Dict[str, float] = field(default_factory=dict)
    test: Dict[str, float] = field(default_factory=dict)
    classes: List[str] = field(default_factory=list)
    facts: Dict[str, str] = field(default_factory=dict)
    left_out: List[str] = field(default_factory=list)


class Progress(NamedTuple):
    """How far a run is, which tells its files from those of an earlier one.

    The times of the files would not: they change when a folder is copied.

    Attributes:
        done (float): Epochs that it had.
        validated (float): Epochs that it had when it last wrote its child.
        begun (str, optional): ``DATE_TIME`` of its start, if the folder had a run
            before.
    """

    done: float
    validated: float
    begun: Optional[str]

    def has_child(self, meta: Mapping[str, Any]) -> bool:
        """Whether ``subnet.pth`` is of this run: each validation writes it."""
        epoch = number(meta.get('epoch'))
        if epoch is None:
            return True
        least = 0 if self.begun is None else self.validated
        return least <= epoch <= math.ceil(self.done)

    def has_checkpoint(self, meta: Mapping[str, Any]) -> bool:
        """Whether a checkpoint, which has the time of its saving, is of this run."""
        time = meta.get('time')
        if self.begun is not None and isinstance(time, str) and time < self.begun:
            return False
        return (number(meta.get('epoch')) or 0) <= math.ceil(self.done)


def read_child(work_dir: Path, progress: Progress) -> Child:
    """Reads the child, or what the last checkpoint tells of it.

    Args:
        work_dir (Path): Work directory of a run.
        progress (Progress): Of the run.
    """
    left_out: List[str] = []
    child = Child()
    own = True
    for path in _checkpoints(work_dir, left_out):
        try:
            checkpoint = load_checkpoint(path)
            is_child = path.name == SUBNET_PTH
            belongs = progress.has_child if is_child else progress.has_checkpoint
            if belongs(meta_of(checkpoint)):
                child = _child(checkpoint)
                break
            left_out.append(f'{path.name}, which is not of this run')
            own = False
        except (CheckpointError, SubnetError) as error:
            left_out.append(str(error).rstrip('.'))
    yaml = work_dir / SUBNET_YAML
    # It tells no epoch, and is written with subnet.pth.
    if not child.blocks and own and progress.begun is None and yaml.is_file():
        try:
            child.blocks = _of_subnet(yaml)
        except SubnetError as error:
            left_out.append(str(error).rstrip('.'))
    child.left_out = left_out
    return child


def _child(checkpoint: Mapping[str, Any]) -> Child:
    meta = meta_of(checkpoint)
    names = dict(mmdsnas_version='mmdsnas', mmengine_version='MMEngine', seed='seed')
    return Child(
        blocks=_blocks(meta),
        costs=_costs(meta),
        test=_numbers(meta.get('test_metrics')),
        classes=recorded_classes(checkpoint),
        facts={name: str(meta[key]) for key, name in names.items() if key in meta},
    )


def _numbers(told: Any) -> Dict[str, float]:
    """The numbers of what should be a dict of them."""
    items = told.items() if isinstance(told, Mapping) else ()
    return {str(name): value for name, value in items if number(value) is not None}


def _costs(told: Mapping[str, Any]) -> Dict[str, float]:
    found = {name: number(told.get(cost.key)) for name, cost in COSTS.items()}
    return {name: amount for name, amount in found.items() if amount is not None}


def _blocks(meta: Mapping[str, Any]) -> List[Block]:
    blocks = meta.get('blocks')
    if isinstance(blocks, Mapping):
        return [
            Block(
                str(name),
                str(b.get('candidate')),
                number(b.get('probability')),
                _costs(b),
            )
            for name, b in blocks.items()
            if isinstance(b, Mapping)
        ]
    # A path in a checkpoint would name a file that is not of the run.
    subnet = meta.get('subnet')
    return _of_subnet(subnet) if subnet and isinstance(subnet, Mapping) else []


def _of_subnet(source: Union[Path, Mapping[str, Any]]) -> List[Block]:
    return [Block(name, choice) for name, choice in read_subnet(source).items()]


def _checkpoints(work_dir: Path, left_out: List[str]) -> List[Path]:
    """The child's file, then the last checkpoint."""
    paths = [work_dir / SUBNET_PTH]
    last = work_dir / LAST_CHECKPOINT
    try:
        if last.is_file():
            # The path where the run wrote it; the folder may have moved since.
            told = last.read_text(encoding='utf-8', errors='replace').strip()
            paths.append(work_dir / Path(told).name)
        return [path for path in paths if path.is_file()]
    except OSError as error:
        left_out.append(f'{last} cannot be read: {error.strerror or error}')
        return [path for path in paths[:1] if path.is_file()]
