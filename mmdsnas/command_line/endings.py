"""How a command ends: its words and exit code, the cause first, without waiting."""

import atexit
import errno
import os
import re
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import NamedTuple, NoReturn

import torch
from mmengine.dist import get_dist_info, is_distributed
from mmengine.logging import MMLogger
from torch.distributed import DistError

from mmdsnas.errors import UserError
from mmdsnas.subnets.checkpoint import LAST_CHECKPOINT

MEMORY = (
    'out of memory ({}): lower batch_size of the data loader; accumulative_counts of '
    'the optimizers keeps the batch of a step as it is.'
)
RANK = (
    'another rank ended, or did not answer within env_cfg.dist_cfg.timeout ({}); its '
    'own message, or that of the launcher, tells why.'
)
# What the machine does to a run: the kind of error, what is in its words where the
# kind says too little, and the sentence.
MACHINE = (
    (
        RuntimeError,
        r'DataLoader worker \(pid.*(killed by|exited unexpectedly).*',
        'a data worker is lost ({}); if the machine ran out of memory or of shared '
        'memory (/dev/shm), lower num_workers or batch_size of the data loader.',
    ),
    (
        RuntimeError,
        'unable to .*(shared memory|file </torch_)',
        'the shared memory of the data workers (/dev/shm) is full ({}): enlarge it, or '
        'lower num_workers or batch_size of the data loader.',
    ),
    (RuntimeError, '/gloo/|Application timeout caused pair closure', RANK),
    (DistError, '(?i)remote ?(process|error)|connection|timed? ?out|was aborted', RANK),
    ((MemoryError, torch.OutOfMemoryError), '', MEMORY),
    (RuntimeError, "DefaultCPUAllocator: can't allocate memory", MEMORY),
    (
        # The last two are what torch.save says.
        (OSError, RuntimeError),
        rf'Errno ({errno.ENOSPC}|{errno.EDQUOT})|No space|StreamWriter|unexpected pos',
        'a file cannot be written, the disk may be full ({}).',
    ),
)


class Terminated(BaseException):
    """SIGTERM came; no ``except Exception`` on the way holds it up."""


SIGNALS = {
    KeyboardInterrupt: ('stopped by Ctrl-C (SIGINT).', 128 + signal.SIGINT),
    Terminated: (
        'stopped by SIGTERM, as a scheduler sends it, or a launcher of which another '
        'rank ended.',
        128 + signal.SIGTERM,
    ),
}


class Ending(NamedTuple):
    """What ended a command, and the exit code of its process."""

    sentence: str
    code: int = 1
    # Whether the same command can go on with its last checkpoint, without a change.
    resumable: bool = False


def ending_of(error: BaseException) -> Ending | None:
    """Finds the words for an error; None if only its traceback explains it."""
    behind: BaseException | None = error
    while behind is not None:
        # mmengine has an except for everything, also for signals.
        if type(behind) in SIGNALS:
            return Ending(*SIGNALS[type(behind)], resumable=True)
        behind = behind.__cause__ or behind.__context__
    if isinstance(error, UserError):
        # That of a data worker is raised again with its traceback before its words.
        name = f'{type(error).__module__}.{type(error).__qualname__}: '
        return Ending(str(error).rpartition(name)[2].strip())
    # The signal is named in the cause where torch tells of all workers.
    lines = f'{error.__cause__ or ""}\n{error}'.strip().splitlines()
    for kinds, pattern, sentence in MACHINE:
        for line in lines or [type(error).__name__]:
            if isinstance(error, kinds) and re.search(pattern, line):
                return Ending(sentence.format(line.strip().rstrip('.')), resumable=True)
    return None


def end(error: BaseException, resumable: bool) -> None:
    """Ends the process, after the cause is on stderr and in the log.

    It returns where the error is to be raised again: in a run of one process, if
    there are no words for it. A command that is resumable has a ``--resume``.
    """
    ending = ending_of(error)
    if ending:
        _tell(ending, resumable)
    else:
        _log(''.join(traceback.format_exception(error)).rstrip())
    if is_distributed():
        if not ending:
            sys.excepthook(type(error), error, error.__traceback__)
        # An ordinary exit waits for the collectives that are on their way, and
        # these for the other ranks.
        _exit_at_once(ending.code if ending else 1)
    if ending:
        sys.exit(ending.code)


def end_rank() -> None:
    """Ends the process of a rank, after its command came to its end.

    The end of the interpreter may abort it while threads of the process group are
    there; the launcher would then say that the run failed. It returns in a run of one
    process.
    """
    if is_distributed():
        # They complete log files and remove temporary folders.
        atexit._run_exitfuncs()
        _exit_at_once(0)


def _tell(ending: Ending, resumable: bool) -> None:
    rank, ranks = get_dist_info()
    text = f'error: {f"rank {rank}: " if ranks > 1 else ""}{ending.sentence}'
    log_file = MMLogger.get_current_instance().log_file
    if ending.resumable and resumable and log_file:
        work_dir = Path(log_file).parents[1]
        if (work_dir / LAST_CHECKPOINT).is_file():
            text += ' The same command with --resume goes on from the last checkpoint '
            text += f'in {work_dir}.'
        else:
            text += f' There is no checkpoint in {work_dir} yet.'
    _log(text)
    print(text, file=sys.stderr, flush=True)


def _log(text: str) -> None:
    """Adds to the log file, from every rank; only rank 0's logger writes to it."""
    log_file = MMLogger.get_current_instance().log_file
    if not log_file:
        return
    now = time.strftime('%Y/%m/%d %H:%M:%S')
    try:
        with open(log_file, 'a') as log:
            log.write(f'{now} - mmdsnas - ERROR - {text}\n')
    except OSError as error:
        print(f'error: {log_file} cannot be written: {error}.', file=sys.stderr)


def _exit_at_once(code: int) -> NoReturn:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(code)


class Signals:
    """While entered, SIGTERM raises :class:`Terminated`, as SIGINT does its own.

    Python raises between two of its instructions. A process that waits for a lost
    rank in a collective executes none: if it has not begun to end some seconds
    after the signal, a thread ends it.

    Args:
        resumable (bool): See :func:`end`.
    """

    # These seconds; launchers kill after 30.
    grace = 10.0
    kinds = {signal.SIGINT: KeyboardInterrupt, signal.SIGTERM: Terminated}

    def __init__(self, resumable: bool) -> None:
        self._resumable = resumable
        self._ending = threading.Event()

    def __enter__(self) -> 'Signals':
        self._kept = {number: signal.getsignal(number) for number in self.kinds}
        signal.signal(signal.SIGTERM, _raise_terminated)
        self._reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)
        self._kept_fd = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def begin_to_end(self) -> None:
        """From now on no signal interrupts; one that came already still may."""
        for number in self.kinds:
            signal.signal(number, signal.SIG_IGN)
        self._ending.set()

    def __exit__(self, *args) -> None:
        self._ending.set()
        signal.set_wakeup_fd(self._kept_fd)
        os.close(self._writer)
        for number, handler in self._kept.items():
            signal.signal(number, handler)

    def _watch(self) -> None:
        with open(self._reader, 'rb', buffering=0) as signals:
            while came := signals.read(1):
                kind = self.kinds.get(came[0])
                if kind and not self._ending.wait(self.grace):
                    ending = ending_of(kind())
                    _tell(ending, self._resumable)
                    _exit_at_once(ending.code)


def _raise_terminated(number, frame) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


# A signal to a data worker is not one to the run.
os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
