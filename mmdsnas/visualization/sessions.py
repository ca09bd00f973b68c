"""What each start of a run logged: numbers, and facts in the text."""

import json
import math
import re
import sys
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Dict, List, NamedTuple, Optional

from mmdsnas.errors import DataError
from mmdsnas.subnets.metadata import number

Record = Dict[str, float]
Records = Dict[float, Record]

MAX_BRACKETS = 500
BY_BLOCK = ('entropy/', 'kl/', 'reward/', 'prob/', 'total_entropy')
_EPOCH = re.compile(r'Epoch\(train\)\s+\[\s*\d+\]\[\s*\d+/(\d{1,9})\]')
_FACTS = {
    'seed': re.compile(r'^ {4}seed: (\d+)$'),
    'Python': re.compile(r'^ {4}Python: (\S+)'),
    'PyTorch': re.compile(r'^ {4}PyTorch: (\S+)'),
    'MMEngine': re.compile(r'^ {4}MMEngine: (\S+)'),
    'device': re.compile(r'^ {4}GPU 0[\d,]*: (.+)$'),
}


@dataclass
class Session:
    """One start of a run, the content of a folder ``DATE_TIME``.

    Attributes:
        folder (Path): That folder.
        train (dict[float, dict]): Numbers of training by the epochs done, 1.5 being
            the middle of the second; by iteration, if the run counts these.
        val (dict[float, dict]): Numbers of validations, likewise.
        by_epoch (bool): Whether the run counts epochs.
        facts (dict[str, str]): What the text log says of seed and versions.
        times (list[datetime]): The first and the last in it; empty if there are none.
        left_out (list[str]): What of it cannot be read.
    """

    folder: Path
    train: Records = field(default_factory=dict)
    val: Records = field(default_factory=dict)
    by_epoch: bool = True
    facts: Dict[str, str] = field(default_factory=dict)
    times: List[datetime] = field(default_factory=list)
    left_out: List[str] = field(default_factory=list)

    @property
    def begin(self) -> float:
        """Epochs, or iterations, that were done before it."""
        first, *more = sorted(self.train)
        if self.by_epoch:
            return math.ceil(first) - 1
        # What is logged stands as far apart as the first is from the beginning.
        return first - (more[0] - first if more else 1)


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
    folders = sorted(path.parent for path in work_dir.glob('*/vis_data'))
    every = [_session(folder) for folder in folders]
    begins = [k for k, s in enumerate(every) if s.train and s.begin <= 0]
    first = begins[-1] if begins else 0
    left_out = [told for session in every[first:] for told in session.left_out]
    sessions = [session for session in every[first:] if session.train]
    if not sessions:
        reason = f': {"; ".join(left_out)}' if left_out else ''
        raise DataError(
            f'WORK_DIR must be the work directory of a run, but {work_dir} has no '
            f'numbers of a training (DATE_TIME/vis_data/scalars.json){reason}.'
        )
    earlier = any(session.train for session in every[:first])
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
        begin = session.begin
        records = {at: r for at, r in records.items() if at <= begin}
        records.update(getattr(session, kind))
    return dict(sorted(records.items()))


def _session(folder: Path) -> Session:
    session = Session(folder)
    per_epoch = _read_log(session)
    files = [folder / 'vis_data' / n for n in ('scalars.json', f'{folder.name}.json')]
    lines = next(filter(None, (_numbers(session, file) for file in files)), [])
    train = [line for line in lines if _is_train(line)]
    session.by_epoch = any('epoch' in line for line in train)
    if session.by_epoch:
        per_epoch = _iterations_per_epoch(train) or per_epoch or _at_least(train)
    for line in lines:
        is_train = _is_train(line)
        at = line['step'] / (per_epoch if is_train and session.by_epoch else 1)
        records = session.train if is_train else session.val
        records.setdefault(at, {}).update(line)
    return session


def _texts(session: Session, file: Path) -> List[str]:
    """The lines of a file; none if it is not there, or cannot be read."""
    try:
        return file.read_text(encoding='utf-8', errors='replace').splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        session.left_out.append(f'{file} cannot be read: {error.strerror or error}')
        return []


def _numbers(session: Session, file: Path) -> List[Record]:
    """The numbers of a log, without its damaged lines."""
    lines, damaged = [], []
    texts = _texts(session, file)
    for count, text in enumerate(texts, 1):
        line = {name: n for name, n in _parsed(text).items() if _is_number(n)}
        if _has_place(line):
            lines.append(line)
        # The last one is cut, if the run was killed.
        elif count < len(texts):
            damaged.append(str(count))
    if damaged:
        more = ', …' if len(damaged) > 5 else ''
        session.left_out.append(
            f'damaged lines of {file}: {", ".join(damaged[:5])}{more}'
        )
    return lines


def _parsed(text: str) -> Dict[str, object]:
    """What a line of a log holds; nothing, if it is no JSON object."""
    # MMRazor lifts Python's limit on depth, without which the decoder ends the process.
    if text.count('[') + text.count('{') > MAX_BRACKETS:
        return {}
    try:
        line = json.loads(text)
    except ValueError:
        return {}
    return line if isinstance(line, dict) else {}


def _is_number(value: object) -> bool:
    """Whether a value fits a float; NaN and infinity do."""
    if type(value) is int:
        return abs(value) <= sys.float_info.max
    return type(value) is float


def _has_place(line: Record) -> bool:
    """Whether a line tells where in the run it stands."""
    step, epoch = number(line.get('step')), number(line.get('epoch', 0))
    if step is None or epoch is None:
        return False
    return step >= (1 if _is_train(line) else 0)


def _is_train(line: Record) -> bool:
    return 'iter' in line or any(name.startswith(BY_BLOCK) for name in line)


def _iterations_per_epoch(train: List[Record]) -> Optional[float]:
    """Of the numbers that are logged at the end of an epoch, and nowhere else."""
    ends = [n for n in train if 'epoch' in n and 'iter' not in n and n['epoch'] > 0]
    return ends[-1]['step'] / ends[-1]['epoch'] if ends else None


def _at_least(train: List[Record]) -> float:
    return max(n['step'] / max(n['epoch'], 1) for n in train if 'epoch' in n)


def _read_log(session: Session) -> Optional[float]:
    """Takes facts and times from the text log; iterations of an epoch if it tells."""
    per_epoch = None
    for line in _texts(session, session.folder / f'{session.folder.name}.log'):
        for name, pattern in _FACTS.items():
            found = name not in session.facts and pattern.match(line)
            if found:
                session.facts[name] = found[1].strip()
        time = _time(line)
        if time:
            session.times = [*session.times[:1], time]
            found = _EPOCH.search(line)
            per_epoch = float(found[1]) if found else per_epoch
    return per_epoch


def _time(line: str) -> Optional[datetime]:
    """When a line of a text log was written; those of a config have no time."""
    try:
        return datetime.strptime(line[:19], '%Y/%m/%d %H:%M:%S')
    except ValueError:
        return None
