"""The history of a run, read from the files that it left."""

import math
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Union

from mmdsnas.errors import DataError
from mmdsnas.models.cost import COSTS
from mmdsnas.subnets import what_is_missing
from mmdsnas.subnets.metadata import number
from .child import Child, read_child
from .run_record import RunRecord
from .sessions import EARLIER, Records, Session, merged, read_starts


class Curve(NamedTuple):
    """Values of one number over the epochs, from 0 when the run begins."""

    at: List[float]
    values: List[float]

    def finite(self) -> 'Curve':
        """Without points that are infinite, in float32, or no number."""
        points = [(at, n) for at, n in zip(*self) if number(n) is not None]
        return Curve(*map(list, zip(*points))) if points else Curve([], [])

    def drawable(self, most: int = 400) -> 'Curve':
        """Its finite points; of too many, the means of as many neighbours each."""
        curve = self.finite()
        step = max(math.ceil(len(curve.at) / most), 1)
        parts = [slice(k, k + step) for k in range(0, len(curve.at), step)]
        return Curve(*([statistics.fmean(c[p]) for p in parts] for c in curve))


class Stage(NamedTuple):
    """A stage of a search: its name, and the epochs in which it begins and ends."""

    name: str
    begin: float
    end: float


@dataclass
class Run:
    """What the files of a run tell, in plain numbers.

    Attributes:
        work_dir (Path): Where they are.
        sessions (list[Session]): The starts of the run.
        done (float): Epochs, or iterations, that it had.
        length (float): Those that it was to have.
        missing (str, optional): What it lacks of being done; None if it is done.
        stages (list[Stage]): Of a search.
        train (dict[str, Curve]): What was logged in training, by its name.
        val (dict[str, Curve]): What was logged in validations, by its name.
        fixed_in (dict[str, int]): The epoch, from 1, at whose start a block was fixed.
        child (Child): What is told of it.
        left_out (list[str]): What of its files could not be read, or is not of it.
    """

    work_dir: Path
    sessions: List[Session]
    done: float
    length: float
    missing: Optional[str]
    stages: List[Stage]
    train: Dict[str, Curve]
    val: Dict[str, Curve]
    fixed_in: Dict[str, int]
    child: Child
    left_out: List[str]

    @property
    def name(self) -> str:
        """The name of the work directory."""
        return self.work_dir.name

    @property
    def record(self) -> RunRecord:
        """What the last start says of the run: options, seed, versions."""
        return self.sessions[-1].record

    @property
    def unit(self) -> str:
        """What the run counts, ``'epoch'`` or ``'iteration'``."""
        return 'epoch' if self.record.by_epoch else 'iteration'

    @property
    def seconds(self) -> float:
        """How long it trained, without interruptions."""
        return sum(session.record.seconds for session in self.sessions)

    @property
    def limits(self) -> Dict[str, float]:
        """The limits on the cost, by measure."""
        given = self.record.limits
        return {m: given[m] for m in COSTS if number(given.get(m)) is not None}

    def by_block(self, kind: str) -> Dict[str, Curve]:
        """Curves such as ``entropy/<block>`` and ``reward/<block>``, by block."""
        prefix = f'{kind}/'
        curves = self.train.items()
        return {n.removeprefix(prefix): c for n, c in curves if n.startswith(prefix)}

    def probabilities(self) -> Dict[str, Dict[str, Curve]]:
        """Probabilities at the end of epochs, by block and candidate."""
        blocks: Dict[str, Dict[str, Curve]] = {}
        known = self.by_block('entropy')
        for name, curve in self.by_block('prob').items():
            # A candidate may have a slash in its name, and a block one in its alias.
            found = [block for block in known if name.startswith(f'{block}/')]
            block = max(found, key=len, default=name.rpartition('/')[0])
            blocks.setdefault(block, {})[name[len(block) + 1 :]] = curve
        return blocks


def check_work_dir(folder: Union[str, Path]) -> Path:
    """The whole path of a work directory; a DataError if it is no folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f'WORK_DIR must be the work directory of a run, but {folder} is not a '
            'folder.'
        )
    return folder.resolve()


def read_run(work_dir: Union[str, Path]) -> Run:
    """Reads a run, finished, interrupted or resumed: a search, or a training.

    Of several runs in one folder it is the last. What is damaged is left out.

    Args:
        work_dir (str | Path): Its work directory.

    Raises:
        DataError: It is none, or nothing in it can be read.
    """
    work_dir = check_work_dir(work_dir)
    sessions, left_out = read_starts(work_dir)
    last = sessions[-1].record
    records, validated = merged(sessions, 'train'), merged(sessions, 'val')
    # The log knows parts of an epoch; the record, iterations that were not logged.
    done = max([last.done, *records, *validated])
    length = max(done, last.length)
    missing = what_is_missing(dict(epoch=int(done), plan=last.plan))
    if missing is None and done < length:
        unit = 'epochs' if last.by_epoch else 'iterations'
        missing = f'it has done {done:.4g} of {length:g} {unit}'
    # Without validations it writes the child at its end.
    begun = sessions[0].folder.name if EARLIER in left_out else None
    child = read_child(work_dir, done, max(validated, default=length), begun)
    train = _curves(records)
    return Run(
        *(work_dir, sessions, done, length, missing),
        stages=_stages(last.plan, length),
        train=train,
        val=_curves(validated),
        fixed_in=_fixed_in(train),
        child=child,
        left_out=left_out + child.left_out,
    )


def _curves(records: Records) -> Dict[str, Curve]:
    curves: Dict[str, Curve] = {}
    for at, record in records.items():
        for name, value in record.items():
            curve = curves.setdefault(name, Curve([], []))
            curve.at.append(at)
            curve.values.append(value)
    return curves


def _stages(plan: Mapping[str, Any], length: float) -> List[Stage]:
    """Those of a search, without the empty ones."""
    ends = [number(plan.get(f'{name}_epochs')) for name in ('pretrain', 'finetune')]
    if None in ends:
        return []
    bounds = [0, *(min(end, length) for end in ends), length]
    names = ('pretrain', 'search', 'finetune')
    stages = [Stage(*parts) for parts in zip(names, bounds, bounds[1:])]
    return [stage for stage in stages if stage.begin < stage.end]


def _fixed_in(train: Mapping[str, Curve]) -> Dict[str, int]:
    """The epochs in which blocks were fixed: from then on there is no entropy."""
    fixed = {}
    for name, (at, values) in train.items():
        # What has no entropy from the first moment has no choice.
        if name.startswith('entropy/') and values[-1] == 0 and any(values):
            last = max(k for k, value in enumerate(values) if value)
            fixed[name.removeprefix('entropy/')] = math.ceil(at[last + 1])
    return fixed
