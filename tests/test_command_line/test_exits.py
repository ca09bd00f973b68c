"""How processes end, in forks of this one, which need not import anything."""

import atexit
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time

import pytest
import torch
import torch.nn as nn
from mmengine import dist
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.model import MMDistributedDataParallel

from mmdsnas.command_line.arguments import show_user_errors
from mmdsnas.command_line.endings import Signals
from mmdsnas.errors import DataError
from mmdsnas.launch.given_options import Given
from mmdsnas.launch.processes import start_processes

FORK = multiprocessing.get_context('fork')
HINT = ' The same command with --resume goes on from the last checkpoint in '


class Commands:
    """Commands in processes of their own, which log to one file.

    Args:
        folder (Path): Gets the log and what every rank says on stderr.
        command (callable): Takes the rank, and what to call when it is ready to
            be disturbed.
        ranks (int): How many there are; they are joined if more than one.
        timeout (float): How long a rank waits for the others.
    """

    def __init__(self, folder, command, ranks=1, timeout=600):
        self.folder = folder
        self.log = folder / '20300101' / '20300101.log'
        self.log.parent.mkdir()
        (folder / 'last_checkpoint').touch()
        with socket.socket() as s:
            s.bind(('127.0.0.1', 0))
            port = s.getsockname()[1]
        self.ready = [FORK.Event() for _ in range(ranks)]
        args = (command, ranks, port, timeout)
        self.processes = [
            FORK.Process(target=self.run, args=(rank, *args)) for rank in range(ranks)
        ]

    def run(self, rank, command, ranks, port, timeout):
        sys.stderr = open(self.folder / f'{rank}.txt', 'w')
        # torch.distributed puts the rank before it, for good where it began before.
        sys.excepthook = sys.__excepthook__
        os.environ.update(RANK=str(rank), WORLD_SIZE=str(ranks))
        os.environ.update(MASTER_ADDR='127.0.0.1', MASTER_PORT=str(port))
        env_cfg = dict(dist_cfg=dict(timeout=timeout))
        config = Config(dict(env_cfg=env_cfg, launcher='pytorch'))

        def main():
            if ranks > 1:
                start_processes(config, Given(local_rank=rank))
            MMLogger.get_instance(str(self.folder), log_file=str(self.log))
            command(rank, self.ready[rank].set)

        show_user_errors(main, resumable=True)()
        assert ranks == 1, 'a rank ends with its command'

    def __enter__(self):
        for process in self.processes:
            process.start()
        for ready in self.ready:
            assert ready.wait(100)
        return self

    def __exit__(self, *args):
        for process in self.processes:
            process.kill()
            process.join()

    def signal(self, rank, number):
        os.kill(self.processes[rank].pid, number)

    def ends(self, rank, code):
        """Waits for an end; returns what is on stderr."""
        self.processes[rank].join(100)
        told = (self.folder / f'{rank}.txt').read_text()
        assert self.processes[rank].exitcode == code, told
        return told


def add_up(rank, ready):
    """Collectives of mmengine without an end."""
    while True:
        dist.all_reduce(torch.ones(3))
        ready()


def train(rank, ready):
    """Steps of mmengine's wrapper without an end."""
    model = MMDistributedDataParallel(nn.Linear(3, 3))
    while True:
        model.module.weight.grad = None
        model(torch.ones(2, 3)).sum().backward()
        ready()


def wait_where_python_does_nothing(rank, ready):
    """As a collective waits whose other rank is lost."""
    threading.Timer(1, ready).start()
    torch.distributed.HashStore().wait(['never'])


@pytest.mark.slow
@pytest.mark.parametrize('command', [add_up, train])
def test_rank_that_hangs_ends_the_others(tmp_path, command):
    with Commands(tmp_path, command, ranks=2, timeout=4) as job:
        job.signal(1, signal.SIGSTOP)
        told = job.ends(0, 1)
    assert told.startswith('error: rank 0: another rank ended, or did not answer')
    assert 'Timed out waiting 4000ms' in told
    assert told.endswith(f'{HINT}{tmp_path}.\n') and len(told.splitlines()) == 1
    assert job.log.read_text().endswith(f' - mmdsnas - ERROR - {told}')


def test_rank_ends_with_its_command(tmp_path):
    """The end of the interpreter may abort it; what is to be done at exit is done."""

    def add_up_once(rank, ready):
        atexit.register((tmp_path / f'{rank} is complete').touch)
        dist.all_reduce(torch.ones(3))
        ready()

    with Commands(tmp_path, add_up_once, ranks=2) as job:
        assert [job.ends(rank, 0) for rank in range(2)] == ['', '']
    assert len([*tmp_path.glob('* is complete')]) == 2


@pytest.mark.parametrize('error', [DataError('No data.'), ValueError('surprise')])
def test_rank_that_fails_ends_the_others_at_once(tmp_path, error):
    """Also while a collective of its own is on the way, which an exit waits for."""

    def fail(rank, ready):
        dist.all_reduce(torch.ones(3))
        ready()
        if rank == 1:
            on_its_way = torch.distributed.all_reduce(torch.ones(3), async_op=True)
            assert not on_its_way.is_completed()
            raise error
        torch.distributed.recv(torch.ones(3), 1)

    with Commands(tmp_path, fail, ranks=2) as job:
        failed, lost = job.ends(1, 1), job.ends(0, 1)
    assert lost.startswith('error: rank 0: another rank ended')
    log = job.log.read_text()
    if isinstance(error, DataError):
        assert failed == 'error: rank 1: No data.\n'
        assert failed in log and lost in log
    else:
        assert (
            failed.startswith('[rank1]: Traceback') and 'ValueError: surprise' in failed
        )
        assert 'Traceback' in log and 'ValueError: surprise' in log


@pytest.mark.parametrize(
    'number, code, saved', [(signal.SIGINT, 130, True), (signal.SIGTERM, 143, False)]
)
def test_signal_while_python_waits(tmp_path, monkeypatch, number, code, saved):
    """A checkpoint to go on from is named where there is one."""
    monkeypatch.setattr(Signals, 'grace', 0.2)
    job = Commands(tmp_path, wait_where_python_does_nothing)
    if not saved:
        (tmp_path / 'last_checkpoint').unlink()
    with job:
        job.signal(0, number)
        told = job.ends(0, code)
    assert told.startswith('error: stopped by ') and str(tmp_path) in told
    assert told.endswith(f'{HINT}{tmp_path}.\n') == ('--resume' in told) == saved
    assert job.log.read_text().endswith(told)


def test_signal_to_a_child_is_none_to_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(Signals, 'grace', 0.2)

    def command(rank, ready):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            # A bare fork: locks of other threads stay as they were in it.
            signal.signal(signal.SIGTERM, lambda number, frame: os._exit(5))
            os.write(writer, b'1')
            # A signal that came just before a long sleep would wait for its end.
            while True:
                time.sleep(0.01)
        os.read(reader, 1)
        os.kill(child, signal.SIGTERM)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 5
        ready()
        time.sleep(1)

    with Commands(tmp_path, command) as job:
        assert job.ends(0, 0) == ''


class Disturbed(DataError):
    """An error whose words are disturbed by a signal, as torchrun sends more."""

    def __str__(self):
        os.kill(os.getpid(), signal.SIGTERM)
        os.kill(os.getpid(), signal.SIGINT)
        return 'No data.'


@pytest.mark.parametrize('by_signal', [False, True])
def test_further_signals_do_not_disturb_the_end(tmp_path, by_signal):
    def command(rank, ready):
        ready()
        try:
            while by_signal:
                time.sleep(1)
        finally:
            if by_signal:
                os.kill(os.getpid(), signal.SIGTERM)
        raise Disturbed

    with Commands(tmp_path, command) as job:
        if by_signal:
            job.signal(0, signal.SIGTERM)
        told = job.ends(0, 143 if by_signal else 1)
    assert told.startswith(
        f'error: {"stopped by SIGTERM" if by_signal else "No data."}'
    )
    assert len(told.splitlines()) == 1


def test_process_is_as_before_when_a_command_is_done(tmp_path):
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(n) for n in numbers]
    during = []
    show_user_errors(lambda: during.extend(map(signal.getsignal, numbers)))()
    assert during[0] is before[0] and during[1] is not before[1]
    assert [signal.getsignal(n) for n in numbers] == before
    assert signal.set_wakeup_fd(-1) == -1


def test_log_that_cannot_be_written(tmp_path, capsys, monkeypatch):
    logger = MMLogger.get_instance(str(tmp_path), log_file=str(tmp_path / 'log'))
    monkeypatch.setattr(logger, '_log_file', str(tmp_path / 'none' / 'log'))

    @show_user_errors
    def main():
        raise KeyboardInterrupt

    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 130
    log, words = capsys.readouterr().err.splitlines()
    assert log.startswith(f'error: {tmp_path}/none/log cannot be written: ')
    # A tool without --resume does not name it.
    assert words == 'error: stopped by Ctrl-C (SIGINT).'
