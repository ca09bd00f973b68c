"""Cells of the matrix: a search is killed once, resumed, and compared."""

import json
import math
import time
from dataclasses import dataclass
from pathlib import Path

import torch

from .compare import LOGS, differences, logged
from .kill_hook import RECORD, Kill
from .processes import OUTPUT, Launch, Main, Task
from .search import BATCH, Setting, Stages

# 5 iterations an epoch, which accumulation over 2 does not divide; the last batch
# is smaller than the others.
STAGES = Stages(pretrain=2, finetune=5, epochs=7, images=76, fix_threshold=0.06)

SETTINGS = [
    Setting(ranks, amp, workers)
    for ranks in (1, 2)
    for amp in (False, True)
    for workers in (0, 2)
]
POINTS = {
    'pretrain': Kill('iteration', epoch=1, iteration=2),
    'search-start': Kill('epoch', epoch=2),
    'fixed': Kill('iteration', epoch=4, iteration=1),
    'finetune-start': Kill('iteration', epoch=5, iteration=0),
    'finetune': Kill('iteration', epoch=6, iteration=3),
    'writing': Kill('writing', epoch=3),
}
# In two of the settings only.
MORE_POINTS = {
    'validation': Kill('validation', epoch=4),
    'renamed': Kill('renamed', epoch=3),
    'child': Kill('child', epoch=2),
    'one-rank': Kill('iteration', epoch=4, iteration=3, rank=1),
}
MORE_SETTINGS = [Setting(1, False, 0), Setting(2, True, 2)]


@dataclass(frozen=True)
class Cell:
    """One search that is killed and resumed.

    Args:
        point (str): Where: a name of ``POINTS`` or ``MORE_POINTS``.
        setting (Setting): How the search runs.
    """

    point: str
    setting: Setting

    def __str__(self) -> str:
        return f'{self.point}-{self.setting}'

    @property
    def kill(self) -> Kill:
        """The kill itself."""
        return {**POINTS, **MORE_POINTS}[self.point]

    @property
    def starts(self) -> range:
        """The epochs, from 0, that the resumed run may start with."""
        epoch = self.kill.epoch
        if self.kill.place in ('validation', 'child'):
            return range(epoch + 1, epoch + 2)
        return range(epoch, epoch + (2 if self.kill.place == 'renamed' else 1))


@dataclass
class Result:
    """What came of a cell, or of a reference.

    Args:
        problems (list[str]): Empty if nothing differs.
        seconds (float): How long it took.
    """

    problems: list[str]
    seconds: float


def all_cells() -> list[Cell]:
    """The cells, those of one setting one after another."""
    return [
        Cell(point, setting)
        for setting in SETTINGS
        for point in (*POINTS, *MORE_POINTS)
        if point in POINTS
        or (setting in MORE_SETTINGS and (point != 'one-rank' or setting.ranks > 1))
    ]


def run_reference(main: Main, setting: Setting, folder: Path) -> Task:
    """A search that is not killed.

    Returns:
        Result: Its problems are what went wrong.
    """
    began = time.monotonic()
    launch = start(main, setting, STAGES, folder)
    yield launch
    return Result(failure(launch, folder), time.monotonic() - began)


def run_cell(main: Main, cell: Cell, folder: Path, reference: Path) -> Task:
    """A search that is killed, resumed, and compared with its reference.

    Args:
        main (callable): From ``load_tool``.
        cell (Cell): The cell.
        folder (Path): Its working directory.
        reference (Path): That of the search without a kill.

    Returns:
        Result: Its problems are what differs.
    """
    began = time.monotonic()
    launch = start(main, cell.setting, STAGES, folder, kill=cell.kill)
    yield launch
    problems = not_killed(launch, folder) or _not_fixed(cell, folder)
    if not problems:
        launch = start(main, cell.setting, STAGES, folder, '--resume')
        yield launch
        problems = failure(launch, folder) or (
            _not_resumed(cell, folder)
            + differences(reference / 'work', folder / 'work')
        )
    return Result(problems, time.monotonic() - began)


def start(
    main: Main,
    setting: Setting,
    stages: Stages,
    folder: Path,
    *arguments: str,
    kill: Kill | None = None,
    delay: float | None = None,
    limit: float = 600,
) -> Launch:
    """Starts a search, or resumes one.

    Args:
        main (callable): From ``load_tool``.
        setting (Setting): How it runs.
        stages (Stages): How long it is.
        folder (Path): Working directory.
        *arguments (str): More arguments of the tool.
        kill (Kill, optional): See ``Launch``.
        delay (float, optional): See ``Launch``.
        limit (float): See ``Launch``.

    Returns:
        Launch: Its processes.
    """
    folder.mkdir(parents=True, exist_ok=True)
    (folder / 'search.py').write_text(setting.config(stages))
    arguments = ('search.py', '--work-dir', 'work', *setting.arguments, *arguments)
    return Launch(main, folder, arguments, setting.ranks, kill, delay, limit)


def failure(launch: Launch, folder: Path) -> list[str]:
    """What is wrong with a run that should have come to its end."""
    if launch.hung:
        return ['a run hung']
    if any(launch.codes):
        last = (folder / OUTPUT).read_text().strip().splitlines()[-1:]
        return [f'a run ended with {launch.codes}: {"".join(last)}']
    return []


def not_killed(launch: Launch, folder: Path, inside: bool = True) -> list[str]:
    """What is wrong with a run that should have been killed.

    Args:
        launch (Launch): The run.
        folder (Path): Its working directory.
        inside (bool): Whether it should have killed itself.
    """
    if launch.hung:
        return ['the run hung instead of being killed']
    if min(launch.codes) < 0 and (not inside or (folder / RECORD).is_file()):
        return []
    return ['the run was not killed', *failure(launch, folder)]


def first_epochs(work_dir: Path) -> list[int]:
    """The epoch, from 0, that each start with a training iteration began with."""
    steps = []
    for logs in sorted(work_dir.iterdir()):
        if LOGS.fullmatch(logs.name):
            values = logged(work_dir, logs.name)
            steps.append([step for kind, step, _ in values if kind == 'iteration'])
    return [(min(s) - 1) // _iterations() for s in steps if s]


def _iterations() -> int:
    return math.ceil(STAGES.images / BATCH)


def _not_fixed(cell: Cell, folder: Path) -> list[str]:
    """Blocks must be fixed in the resumed checkpoint, and others be free."""
    if cell.point != 'fixed':
        return []
    path = folder / 'work' / f'epoch_{cell.kill.epoch}.pth'
    # Not on a GPU: processes that are forked later could not use it.
    content = torch.load(path, map_location='cpu', weights_only=True)
    weights = content['state_dict']
    fixed = int((weights['mutator._fixed'] >= 0).sum())
    free = json.loads((folder / RECORD).read_text())['free']
    if fixed and free:
        return []
    return [f'nothing is shown: {fixed} blocks were fixed and {free} free']


def _not_resumed(cell: Cell, folder: Path) -> list[str]:
    """A run that starts all over again ends in the same files, too."""
    first = first_epochs(folder / 'work')[-1]
    if first in cell.starts:
        return []
    return [f'the run went on with epoch {first}, not {list(cell.starts)}']
