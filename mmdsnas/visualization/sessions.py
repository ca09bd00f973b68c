"""What each start of a run left: its record, and the numbers that it logged."""

import sys
from dataclasses import dataclass, field
from pathlib import Path

from pydantic_core import from_json

from mmdsnas.errors import DataError
from mmdsnas.subnets.metadata import number
from .run_record import FILE, RunRecord

Records = dict[float, dict[str, float]]

EARLIER = 'what an earlier run left in this folder'
BY_BLOCK = ('entropy/', 'kl/', 'reward/', 'prob/', 'total_entropy')


@dataclass
class Session:
    """One start of a run, the content of a folder ``DATE_TIME``."""

    folder: Path
    record: RunRecord
    #: Numbers of training and of validations by the epochs, or iterations, done: 1.5
    #: is the middle of the second epoch.
    train: Records = field(default_factory=dict)
    val: Records = field(default_factory=dict)


def read_starts(work_dir: Path) -> tuple[list[Session], list[str]]:
    """Reads what every start of the last run has logged.

    A run that was resumed begins where an earlier start of it was; one that begins
    at 0 is another run than those before it.

    Returns:
        tuple[list[Session], list[str]]: The starts that trained, in their order, and
        what is left out.

    Raises:
        DataError: There is no number of a training in the work directory.
    """
    sessions: list[Session] = []
    left_out: list[str] = []
    for file in sorted(work_dir.glob(f'*/{FILE}')):
        try:
            session = Session(file.parent, RunRecord.read(file))
            told = _read_numbers(session)
        except DataError as error:
            left_out.append(str(error).rstrip('.'))
            continue
        if session.train and session.record.start == 0:
            left_out = [EARLIER] if sessions or EARLIER in left_out else []
            sessions = []
        left_out += told
        sessions += [session] if session.train else []
    if not sessions:
        reason = f': {"; ".join(left_out)}' if left_out else ''
        raise DataError(
            f'WORK_DIR must be the work directory of a run, but {work_dir} has no '
            f'numbers of a training (DATE_TIME/{FILE} of ReportHook, and '
            f'DATE_TIME/vis_data/scalars.json){reason}.'
        )
    return sessions, left_out


def merged(sessions: list[Session], kind: str) -> Records:
    """All numbers of a kind; what was trained again counts by its last writing."""
    records: Records = {}
    for session in sessions:
        # What was lost in the interruption is no part of the run.
        records = {at: r for at, r in records.items() if at <= session.record.start}
        records.update(getattr(session, kind))
    return dict(sorted(records.items()))


def _read_numbers(session: Session) -> list[str]:
    """Takes in the lines of a log; returns what is damaged of it."""
    file = session.folder / 'vis_data' / 'scalars.json'
    try:
        texts = file.read_text(encoding='utf-8', errors='replace').splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        return [f'{file} cannot be read: {error.strerror or error}']
    damaged = []
    for count, text in enumerate(texts, 1):
        line = _numbers(text)
        is_train = 'iter' in line or any(name.startswith(BY_BLOCK) for name in line)
        step = number(line.get('step'))
        if step is not None and step >= is_train:
            at = step / (session.record.per_epoch if is_train else 1)
            records = session.train if is_train else session.val
            records.setdefault(at, {}).update(line)
        # The last one is cut, if the run was killed.
        elif count < len(texts):
            damaged.append(str(count))
    more = ', …' if len(damaged) > 5 else ''
    lines = f'damaged lines of {file}: {", ".join(damaged[:5])}{more}'
    return [lines] if damaged else []


def _numbers(text: str) -> dict[str, float]:
    """The numbers of a JSON object; none, if a text is no object."""
    try:
        found = from_json(text)
    except ValueError:
        return {}
    return {
        name: n
        for name, n in (found.items() if isinstance(found, dict) else ())
        # No integer that fits no float; NaN and infinity are numbers of a run.
        if type(n) is float or type(n) is int and abs(n) <= sys.float_info.max
    }
