"""Runs of tools/train.py in forked processes, several side by side."""

import gc
import importlib
import importlib.util
import os
import signal
import socket
import sys
import time
import traceback
from collections import deque
from contextlib import suppress
from pathlib import Path
from typing import Any, Callable, Generator, Iterator, Sequence

import mmengine.config.config
import torch
import yapf.yapflib.yapf_api

from . import kill_hook
from .search import ROOT

# What a run imports late; imported once, before the processes are forked.
LATE_IMPORTS = (
    'mmcls.engine',
    'mmdsnas.engine',
    'mmrazor.engine',
    'sklearn.datasets',
    'torch._dynamo',
    'torch.utils.tensorboard',
)
# Seconds from SIGTERM to SIGKILL for the other ranks when one has died.
GRACE = 5
OUTPUT = 'output.txt'

Main = Callable[[], None]


def load_tool() -> Main:
    """Imports all that a run needs; returns ``main`` of tools/train.py."""
    torch.set_num_threads(1)
    for name in LATE_IMPORTS:
        importlib.import_module(name)
    # The layout of a config's text takes as long as the rest of a short run.
    for place in (mmengine.config.config, yapf.yapflib.yapf_api):
        place.FormatCode = lambda text, **kwargs: (text, True)
    spec = importlib.util.spec_from_file_location('train', ROOT / 'tools' / 'train.py')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    # The processes need not look through what is there already.
    gc.collect()
    gc.freeze()
    return module.main


class Launch:
    """One start of a run: its ranks, and whatever they start.

    Args:
        main (callable): From :func:`load_tool`.
        folder (Path): Working directory; its ``work`` is the work directory, and
            its ``output.txt`` gets the output.
        arguments (Sequence[str]): Arguments of the tool.
        ranks (int): Number of processes.
        kill (Kill, optional): Where the run kills itself.
        delay (float, optional): Seconds after the next checkpoint when all its
            processes are killed from outside.
        limit (float): Seconds after which a run is taken for hung.

    Attributes:
        codes (list[int]): How the ranks ended: exit codes, or minus a signal.
        hung (bool): Whether the run was killed because it took too long.
    """

    def __init__(
        self,
        main: Main,
        folder: Path,
        arguments: Sequence[str],
        ranks: int = 1,
        kill: kill_hook.Kill | None = None,
        delay: float | None = None,
        limit: float = 600,
    ) -> None:
        self.hung = False
        self._folder, self._delay = folder, delay
        self._before = newest_epoch(folder)
        self._end = time.monotonic() + limit
        self._kill_time: float | None = None
        self._codes: dict[int, int | None] = {}
        self._group = 0
        (folder / kill_hook.RECORD).unlink(missing_ok=True)
        port = _free_port()
        sys.stdout.flush()
        for rank in range(ranks):
            pid = os.fork()
            if pid == 0:
                os.setpgid(0, self._group)
                kill_hook.kill = kill
                _become(main, folder, arguments, _variables(rank, ranks, port))
            # Also done here, because either process may be the first; it fails
            # if the other one has died already.
            with suppress(OSError):
                os.setpgid(pid, self._group or pid)
            self._group = self._group or pid
            self._codes[pid] = None

    @property
    def codes(self) -> list:
        return list(self._codes.values())

    def has_ended(self) -> bool:
        """Looks after the processes; whether all of them have ended."""
        for pid in self._living():
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                self._codes[pid] = os.waitstatus_to_exitcode(status)
        now = time.monotonic()
        if self._living() and any(self.codes) and self._kill_time is None:
            # What a launcher does when one of its processes fails.
            self._signal(signal.SIGTERM)
            self._kill_time = now + GRACE
        if self._delay is not None and newest_epoch(self._folder) > self._before:
            self._kill_time, self._delay = now + self._delay, None
        self.hung = self.hung or (now > self._end and bool(self._living()))
        if self.hung or (self._kill_time is not None and now > self._kill_time):
            self.kill()
        if not self._living():
            # Data workers that outlived their process.
            self.kill()
        return not self._living()

    def kill(self) -> None:
        """Kills all that is left of the run."""
        self._signal(signal.SIGKILL)

    def _living(self) -> list:
        return [pid for pid, code in self._codes.items() if code is None]

    def _signal(self, number: int) -> None:
        with suppress(ProcessLookupError):
            os.killpg(self._group, number)


Task = Generator[Launch, None, Any]


def side_by_side(
    tasks: Sequence[tuple[int, Task]], cores: int = 2
) -> Iterator[tuple[int, Any]]:
    """Carries out tasks as far as there are cores for them.

    Args:
        tasks (Sequence[tuple[int, Task]]): The cores that a task takes, and a
            generator that yields the launches it waits for.
        cores (int): How many there are; a task never takes more.

    Yields:
        tuple[int, Any]: Number of a task that has ended, and what it returned.
    """
    waiting = deque(enumerate(tasks))
    running: dict[int, tuple[int, Task, Launch]] = {}
    try:
        while waiting or running:
            free = cores - sum(taken for taken, _, _ in running.values())
            if waiting and free >= min(waiting[0][1][0], cores):
                number, (taken, task) = waiting.popleft()
                running[number] = min(taken, cores), task, next(task)
                continue
            time.sleep(0.02)
            for number, (taken, task, launch) in list(running.items()):
                if not launch.has_ended():
                    continue
                try:
                    running[number] = taken, task, next(task)
                except StopIteration as end:
                    del running[number]
                    yield number, end.value
    finally:
        for _, _, launch in running.values():
            launch.kill()


def newest_epoch(folder: Path) -> int:
    """Number of the newest checkpoint of a run, 0 if there is none."""
    names = (path.stem for path in (folder / 'work').glob('epoch_*.pth'))
    return max((int(name.split('_')[1]) for name in names), default=0)


def _become(main: Main, folder: Path, arguments, variables: dict[str, str]) -> None:
    """Makes the forked process a run of the tool; never returns."""
    code = 1
    try:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        os.chdir(folder)
        output = os.open(OUTPUT, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.environ.update(variables)
        sys.argv = ['train.py', *arguments]
        main()
        code = 0
    except SystemExit as end:
        print(end.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _variables(rank: int, ranks: int, port: int) -> dict[str, str]:
    """What a launcher tells a process."""
    values = dict(
        RANK=rank,
        LOCAL_RANK=rank,
        WORLD_SIZE=ranks,
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=port,
    )
    return {name: str(value) for name, value in values.items()} if ranks > 1 else {}


def _free_port() -> int:
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]
