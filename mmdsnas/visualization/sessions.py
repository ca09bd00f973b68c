"""What each start of a run logged: numbers, and facts in the text."""

import json
import math
import re
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Dict, List, Optional

from mmdsnas.errors import DataError

Record = Dict[str, float]
Records = Dict[float, Record]

BY_BLOCK = ('entropy/', 'kl/', 'reward/', 'prob/', 'total_entropy')
_TIME = re.compile(
    r'([12]\d{3})/(0[1-9]|1[0-2])/(0[1-9]|[12]\d|3[01]) '
    r'([01]\d|2[0-3]):([0-5]\d):([0-5]\d)'
)
_EPOCH = re.compile(r'Epoch\(train\)\s+\[\s*\d+\]\[\s*\d+/(\d+)\]')
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
    """

    folder: Path
    train: Records = field(default_factory=dict)
    val: Records = field(default_factory=dict)
    by_epoch: bool = True
    facts: Dict[str, str] = field(default_factory=dict)
    times: List[datetime] = field(default_factory=list)


def read_sessions(work_dir: Path) -> List[Session]:
    """Reads what every start of a run that trained has logged, in their order.

    Args:
        work_dir (Path): Work directory of the run.

    Raises:
        DataError: A file is damaged, other than at its end.
    """
    folders = sorted(path.parent for path in work_dir.glob('*/vis_data'))
    sessions = [_session(folder) for folder in folders]
    return [session for session in sessions if session.train]


def merged(sessions: List[Session], kind: str) -> Records:
    """The numbers of a run that was resumed.

    What a later session trained again counts by its last writing.

    Args:
        sessions (list[Session]): In their order.
        kind (str): ``'train'`` or ``'val'``.
    """
    records: Records = {}
    for session in sessions:
        # It began at an epoch; what was lost in the interruption is no part of the run.
        begin = math.ceil(min(session.train)) - 1
        records = {at: r for at, r in records.items() if at <= begin}
        records.update(getattr(session, kind))
    return dict(sorted(records.items()))


def _session(folder: Path) -> Session:
    session = Session(folder)
    per_epoch = _read_log(session)
    files = [folder / 'vis_data' / n for n in ('scalars.json', f'{folder.name}.json')]
    file = next((file for file in files if file.is_file()), None)
    if file is None:
        return session
    lines = _lines(file)
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


def _lines(file: Path) -> List[Record]:
    """The numbers of a log; its last line may be cut, if the run was killed."""
    try:
        texts = file.read_text(encoding='utf-8').splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f'{file} cannot be read: {error}.') from error
    lines = []
    for number, text in enumerate(texts, 1):
        try:
            line = json.loads(text)
        except (ValueError, RecursionError):
            line = None
        line = line if isinstance(line, dict) else {}
        line = {name: n for name, n in line.items() if type(n) in (int, float)}
        if 0 <= line.get('step', -1) < math.inf:
            lines.append(line)
        elif number < len(texts):
            raise DataError(
                f'{file}: line {number} must be a JSON object with a step, as mmengine '
                f'writes it, but is {text[:60]!r}.'
            )
    return lines


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
    file = session.folder / f'{session.folder.name}.log'
    per_epoch = None
    if not file.is_file():
        return per_epoch
    with open(file, encoding='utf-8', errors='replace') as log:
        for line in log:
            for name, pattern in _FACTS.items():
                found = name not in session.facts and pattern.match(line)
                if found:
                    session.facts[name] = found[1].strip()
            time = _TIME.match(line)
            if time:
                session.times = [*session.times[:1], datetime(*map(int, time.groups()))]
                found = _EPOCH.search(line)
                per_epoch = float(found[1]) if found else per_epoch
    return per_epoch
