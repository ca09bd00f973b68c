"""The child of a run, read from the file of a search or from a checkpoint."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional

from mmdsnas.structures import read_subnet, recorded_classes
from mmdsnas.utils.checkpoint import load_checkpoint, meta_of, number

SUBNET_PTH, SUBNET_YAML, LAST = 'subnet.pth', 'subnet.yaml', 'last_checkpoint'
COSTS = ('mflops', 'mparams', 'latency_ms')


@dataclass
class Block:
    """The candidate of a block; None is what the files do not tell."""

    name: str
    candidate: str
    probability: Optional[float] = None
    mflops: Optional[float] = None
    mparams: Optional[float] = None
    latency_ms: Optional[float] = None


@dataclass
class Child:
    """What the files of a run tell of its child.

    Attributes:
        blocks (list[Block]): From the input to the output.
        costs (dict[str, float]): Of the whole: ``mflops``, ``mparams``,
            ``latency_ms``.
        classes (list[str]): Names of the classes.
        facts (dict[str, str]): Versions, and the seed.
    """

    blocks: List[Block] = field(default_factory=list)
    costs: Dict[str, float] = field(default_factory=dict)
    classes: List[str] = field(default_factory=list)
    facts: Dict[str, str] = field(default_factory=dict)


def read_child(work_dir: Path) -> Child:
    """Reads the child, or what the last checkpoint tells of it.

    Args:
        work_dir (Path): Work directory of a run.

    Raises:
        CheckpointError: The file is damaged.
        SubnetError: The subnet in it is none.
    """
    checkpoint = _checkpoint(work_dir)
    meta = meta_of(checkpoint)
    names = dict(mmdsnas_version='mmdsnas', mmengine_version='MMEngine', seed='seed')
    return Child(
        blocks=_blocks(meta, work_dir),
        costs={key: meta[key] for key in COSTS if number(meta.get(key)) is not None},
        classes=recorded_classes(checkpoint),
        facts={name: str(meta[key]) for key, name in names.items() if key in meta},
    )


def _blocks(meta: Mapping[str, Any], work_dir: Path) -> List[Block]:
    blocks = meta.get('blocks')
    if isinstance(blocks, Mapping):
        names = ('probability', *COSTS)
        return [
            Block(str(n), str(b.get('candidate')), *(number(b.get(k)) for k in names))
            for n, b in blocks.items()
            if isinstance(b, Mapping)
        ]
    yaml = work_dir / SUBNET_YAML
    source = meta.get('subnet') or (yaml if yaml.is_file() else None)
    # A path in a checkpoint would name a file that is not of the run.
    if isinstance(source, (Mapping, Path)):
        return [Block(name, choice) for name, choice in read_subnet(source).items()]
    return []


def _checkpoint(work_dir: Path) -> Mapping[str, Any]:
    """The child's file; without one, the last checkpoint."""
    if (work_dir / SUBNET_PTH).is_file():
        return load_checkpoint(work_dir / SUBNET_PTH)
    last = work_dir / LAST
    if last.is_file():
        # It has the path where the run wrote it; the folder may have moved since.
        name = Path(last.read_text(encoding='utf-8', errors='replace').strip()).name
        if name and (work_dir / name).is_file():
            return load_checkpoint(work_dir / name)
    return {}
