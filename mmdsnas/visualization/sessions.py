"""What each start of a run left: its record, and the numbers that it logged."""

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Dict, List, NamedTuple

from mmdsnas.errors import DataError
from mmdsnas.subnets.checkpoint import number
from .run_record import FILE, RunRecord, parsed

Record = Dict[str, float]
Records = Dict[float, Record]

BY_BLOCK = ('entropy/', 'kl/', 'reward/', 'prob/', 'total_entropy')


@dataclass
class Session:
    """One start of a run, the content of a folder ``DATE_TIME``.

    Attributes:
        folder (Path): That folder.
        record (RunRecord): What the run says of itself.
        train (dict[float, dict]): Numbers of training by the epochs done, 1.5 being
            the middle of the second; by iteration, if the run counts these.
        val (dict[float, dict]): Numbers of validations, likewise.
    """

    folder: Path
    record: RunRecord
    train: Records = field(default_factory=dict)
    val: Records = field(default_factory=dict)


class Starts(NamedTuple):
    """The starts of the last run in a work directory.

    Attributes:
        sessions (list[Session]): Those that trained, in their order.
        earlier (bool): Whether another run was in the folder before.
        left_out (list[str]): What of the run cannot be read.
    """

    sessions: List[Session]
    earlier: bool
    left_out: List[str]


def read_starts(work_dir: Path) -> Starts:
    """Reads what every start of the last run has logged.

    A run that was resumed begins where an earlier start of it was; one that begins
    at 0 is another run than those before it.

    Args:
        work_dir (Path): Work directory of the run.

    Raises:
        DataError: There is no number of a training in it.
    """
    sessions: List[Session] = []
    left_out: List[str] = []
    earlier = False
    for file in sorted(work_dir.glob(f'*/{FILE}')):
        told: List[str] = []
        try:
            session = Session(file.parent, RunRecord.read(file))
        except DataError as error:
            left_out.append(str(error).rstrip('.'))
            continue
        _read_numbers(session, told)
        if session.train and session.record.start <= 0:
            earlier = earlier or bool(sessions)
            sessions, left_out = [], []
        left_out += told
        sessions += [session] if session.train else []
    if not sessions:
        reason = f': {"; ".join(left_out)}' if left_out else ''
        raise DataError(
            f'WORK_DIR must be the work directory of a run, but {work_dir} has no '
            f'numbers of a training (DATE_TIME/{FILE} of ReportHook, and '
            f'DATE_TIME/vis_data/scalars.json){reason}.'
        )
    return Starts(sessions, earlier, left_out)


def merged(sessions: List[Session], kind: str) -> Records:
    """The numbers of a run that was resumed.

    What a later session trained again counts by its last writing.

    Args:
        sessions (list[Session]): In their order.
        kind (str): ``'train'`` or ``'val'``.
    """
    records: Records = {}
    for session in sessions:
        # What was lost in the interruption is no part of the run.
        records = {at: r for at, r in records.items() if at <= session.record.start}
        records.update(getattr(session, kind))
    return dict(sorted(records.items()))


def _read_numbers(session: Session, left_out: List[str]) -> None:
    """Takes in the lines of a log; names those that are damaged."""
    file = session.folder / 'vis_data' / 'scalars.json'
    try:
        texts = file.read_text(encoding='utf-8', errors='replace').splitlines()
    except FileNotFoundError:
        return
    except OSError as error:
        left_out.append(f'{file} cannot be read: {error.strerror or error}')
        return
    damaged = []
    for count, text in enumerate(texts, 1):
        line = {name: n for name, n in parsed(text).items() if _is_number(n)}
        step, is_train = number(line.get('step')), _is_train(line)
        if step is not None and step >= is_train:
            at = step / (session.record.per_epoch if is_train else 1)
            records = session.train if is_train else session.val
            records.setdefault(at, {}).update(line)
        # The last one is cut, if the run was killed.
        elif count < len(texts):
            damaged.append(str(count))
    if damaged:
        more = ', …' if len(damaged) > 5 else ''
        left_out.append(f'damaged lines of {file}: {", ".join(damaged[:5])}{more}')


def _is_number(value: object) -> bool:
    """Whether a value fits a float; NaN and infinity do."""
    if type(value) is int:
        return abs(value) <= sys.float_info.max
    return type(value) is float


def _is_train(line: Record) -> bool:
    return 'iter' in line or any(name.startswith(BY_BLOCK) for name in line)
