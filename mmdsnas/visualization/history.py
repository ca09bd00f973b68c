"""The history of a run, read from the files that it left."""

import math
import statistics
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Callable, NamedTuple

from mmdsnas.errors import DataError
from mmdsnas.models.cost import COSTS
from mmdsnas.subnets import what_is_missing
from mmdsnas.subnets.metadata import number
from .csv_files import read_choice, read_compared, read_front, read_predictions
from .found_child import Child, read_child
from .predictions import ComparedNetwork, Competitor, FrontRow, ImagePrediction
from .run_record import RunRecord
from .sessions import EARLIER, Records, Session, merged, read_starts


class Curve(NamedTuple):
    """Values of one number over the epochs, from 0 when the run begins."""

    at: list[float]
    values: list[float]

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


class StageSpan(NamedTuple):
    """A stage of a search: its name, and the epochs in which it begins and ends."""

    name: str
    begin: float
    end: float


@dataclass
class Run:
    """What the files of a run tell, in plain numbers."""

    #: Where they are.
    work_dir: Path
    #: The starts of the run.
    sessions: list[Session]
    #: Epochs, or iterations, that it had.
    done: float
    #: What was logged in training, and in validations, by its name.
    train: dict[str, Curve]
    val: dict[str, Curve]
    #: What is told of it.
    child: Child
    #: What of its files could not be read, or is not of it.
    left_out: list[str]
    #: What the child said of each image, and other networks beside it.
    predictions: list[ImagePrediction] = field(default_factory=list)
    compared: list[ComparedNetwork] = field(default_factory=list)
    choice: list[Competitor] = field(default_factory=list)
    #: Children of several limits, and all networks that competed for being one.
    front: list[FrontRow] = field(default_factory=list)
    measured: list[Competitor] = field(default_factory=list)

    @property
    def name(self) -> str:
        """The name of the work directory."""
        return self.work_dir.name

    @property
    def record(self) -> RunRecord:
        """What the last start says of the run: options, seed, versions."""
        return self.sessions[-1].record

    @property
    def length(self) -> float:
        """The epochs, or iterations, that it was to have."""
        return max(self.done, self.record.length)

    @property
    def unit(self) -> str:
        """What the run counts, ``'epoch'`` or ``'iteration'``."""
        return 'epoch' if self.record.by_epoch else 'iteration'

    @property
    def missing(self) -> str | None:
        """What it lacks of being done; None if it is done."""
        missing = what_is_missing(dict(epoch=int(self.done), plan=self.record.plan))
        if missing is None and self.done < self.length:
            missing = f'it has done {self.done:.4g} of {self.length:g} {self.unit}s'
        return missing

    @property
    def seconds(self) -> float:
        """How long it trained, without interruptions."""
        return sum(session.record.seconds for session in self.sessions)

    @property
    def limits(self) -> dict[str, float]:
        """The limits on the cost, by measure."""
        given = self.record.limits
        return {m: given[m] for m in COSTS if number(given.get(m)) is not None}

    @cached_property
    def stages(self) -> list[StageSpan]:
        """Those of a search, without the empty ones."""
        plan, names = self.record.plan, ('pretrain', 'search', 'finetune')
        ends = [number(plan.get(f'{name}_epochs')) for name in names[::2]]
        if None in ends:
            return []
        bounds = [0, *(min(end, self.length) for end in ends), self.length]
        stages = [StageSpan(*parts) for parts in zip(names, bounds, bounds[1:])]
        return [stage for stage in stages if stage.begin < stage.end]

    @cached_property
    def fixed_in(self) -> dict[str, int]:
        """The epoch, from 1, at whose start a block was fixed.

        From then on there is no entropy; what never had one has no choice.
        """
        fixed = {}
        for block, (at, values) in self.by_block('entropy').items():
            if values[-1] == 0 and any(values):
                last = max(k for k, value in enumerate(values) if value)
                fixed[block] = math.ceil(at[last + 1])
        return fixed

    def by_block(self, kind: str) -> dict[str, Curve]:
        """Curves such as ``entropy/<block>`` and ``reward/<block>``, by block."""
        prefix = f'{kind}/'
        curves = self.train.items()
        return {n.removeprefix(prefix): c for n, c in curves if n.startswith(prefix)}

    def probabilities(self) -> dict[str, dict[str, Curve]]:
        """Probabilities at the end of epochs, by block and candidate."""
        blocks: dict[str, dict[str, Curve]] = {}
        known = self.by_block('entropy')
        for name, curve in self.by_block('prob').items():
            # A candidate may have a slash in its name, and a block one in its alias.
            found = [block for block in known if name.startswith(f'{block}/')]
            block = max(found, key=len, default=name.rpartition('/')[0])
            blocks.setdefault(block, {})[name[len(block) + 1 :]] = curve
        return blocks


def check_work_dir(folder: str | Path) -> Path:
    """The whole path of a work directory; a DataError if it is no folder."""
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(
            f'WORK_DIR must be the work directory of a run, but {folder} is not a '
            'folder.'
        )
    return folder.resolve()


def read_run(work_dir: str | Path) -> Run:
    """Reads a run, finished, interrupted or resumed: a search, or a training.

    Of several runs in one work directory it is the last. What is damaged is left out.

    Raises:
        DataError: It is none, or nothing in it can be read.
    """
    work_dir = check_work_dir(work_dir)
    sessions, left_out = read_starts(work_dir)
    last = sessions[-1].record
    train, val = merged(sessions, 'train'), merged(sessions, 'val')
    # The log knows parts of an epoch; the record, iterations that were not logged.
    done = max([last.done, *train, *val])
    begun = sessions[0].folder.name if EARLIER in left_out else None
    # Without validations it writes the child at its end.
    validated = max(val, default=max(done, last.length))
    child = read_child(work_dir, done, validated, begun)
    left_out += child.left_out
    run = Run(work_dir, sessions, done, _curves(train), _curves(val), child, left_out)
    # Otherwise they may be of another child.
    if child.predicted_on:
        run.predictions = _unless_damaged(read_predictions, work_dir, left_out)
        run.compared = _unless_damaged(read_compared, work_dir, left_out)
        run.choice = _unless_damaged(read_choice, work_dir, left_out)
    run.front = _unless_damaged(read_front, work_dir, left_out)
    # Each is read where its file is.
    folders = dict.fromkeys((work_dir / row.file).parent for row in run.front)
    for folder in folders:
        run.measured += _unless_damaged(read_choice, folder, left_out)
    return run


def _unless_damaged(
    read: Callable[[Path], list[Any]], work_dir: Path, left_out: list[str]
) -> list[Any]:
    try:
        return read(work_dir)
    except DataError as error:
        left_out.append(str(error).rstrip('.'))
        return []


def _curves(records: Records) -> dict[str, Curve]:
    curves: dict[str, Curve] = {}
    for at, record in records.items():
        for name, value in record.items():
            curve = curves.setdefault(name, Curve([], []))
            curve.at.append(at)
            curve.values.append(value)
    return curves
