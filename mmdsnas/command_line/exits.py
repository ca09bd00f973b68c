"""Ends a process: the cause is told first, and nothing is waited for."""

import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import NoReturn, Optional

from mmengine.dist import get_dist_info, is_distributed
from mmengine.logging import MMLogger

from mmdsnas.subnets.checkpoint import LAST_CHECKPOINT
from .endings import Ending, Terminated, ending_of


def end(error: BaseException, resumable: bool) -> None:
    """Ends the process, after the cause is on stderr and in the log.

    It returns where the error is to be raised again: in a run of one process, if
    there are no words for it.

    Args:
        error (BaseException): What ended the command.
        resumable (bool): Whether the command has a ``--resume``.

    Raises:
        SystemExit: In a run of one process, with the exit code.
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
        _exit_at_once(ending)
    if ending:
        sys.exit(ending.code)


def _tell(ending: Ending, resumable: bool) -> None:
    rank, ranks = get_dist_info()
    text = f'error: rank {rank}: ' if ranks > 1 else 'error: '
    text += ending.sentence
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


def _exit_at_once(ending: Optional[Ending]) -> NoReturn:
    try:
        sys.stdout.flush()
        sys.stderr.flush()
    finally:
        os._exit(ending.code if ending else 1)


class Signals:
    """While entered, SIGTERM raises :class:`Terminated`, as SIGINT does its own.

    Python raises between two of its instructions. A process that waits for a lost
    rank in a collective executes none: if it has not begun to end some seconds
    after the signal, a thread ends it.

    Args:
        resumable (bool): See :func:`end`.

    Attributes:
        grace (float): The seconds; launchers kill after 30.
    """

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
                    _exit_at_once(ending)


def _raise_terminated(number, frame) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise Terminated


# A signal to a data worker is not one to the run.
os.register_at_fork(after_in_child=lambda: signal.set_wakeup_fd(-1))
