"""Processes that die: how the run ends, what it leaves, and that it goes on."""

import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import torch

from tests.test_tools.conftest import DIGITS, ROOT, SHORT
from tests.test_tools.test_launchers import READ, free_port
from tests.test_tools.test_train import log_of

# So many epochs that no run ends before it is ended.
ENDLESS = [o for o in SHORT if 'max_epochs' not in o] + ['train_cfg.max_epochs=999']
HINT = 'The same command with --resume goes on from the last checkpoint in '


class Run:
    """A run that something is done to when its log comes to an epoch."""

    def __init__(self, *command, cwd, **env):
        ours = {k: v for k, v in os.environ.items() if not k.startswith(READ)}
        env = {**ours, 'PYTHONPATH': str(ROOT), 'CUDA_VISIBLE_DEVICES': '', **env}
        env['PATH'] = os.pathsep.join((os.path.dirname(sys.executable), env['PATH']))
        self.stderr = open(cwd / 'stderr.txt', 'w+')
        self.process = subprocess.Popen(
            [*map(str, command)],
            cwd=cwd,
            env=env,
            stdout=subprocess.PIPE,
            stderr=self.stderr,
            text=True,
            start_new_session=True,
        )
        # For a hang.
        self.guard = threading.Timer(400, self.kill_all)
        self.guard.start()

    def kill_all(self):
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def __enter__(self):
        return self

    def __exit__(self, *args):
        self.guard.cancel()
        self.kill_all()
        self.process.stdout.close()
        self.process.wait()
        self.stderr.close()

    def told(self):
        self.stderr.seek(0)
        return self.stderr.read()

    def come_to(self, epoch):
        for line in self.process.stdout:
            if re.search(rf'Epoch\(train\) +\[ *{epoch}\]', line):
                return
        raise AssertionError(self.told())

    def children(self):
        path = f'/proc/{self.process.pid}/task/{self.process.pid}/children'
        return [int(pid) for pid in Path(path).read_text().split()]

    def end(self):
        """Returns the exit code and what the run printed on stdout from now on."""
        rest = self.process.communicate()[0]
        return self.process.returncode, rest


def alive(pid):
    try:
        state = Path(f'/proc/{pid}/stat').read_text().rpartition(') ')[2][0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    # Who died and has no parent to tell it to is a zombie.
    return state not in 'ZX'


def wait_until_gone(pids):
    limit = time.monotonic() + 120
    while any(map(alive, pids)):
        assert time.monotonic() < limit, f'{pids} live on'
        time.sleep(0.1)


def log_text(work_dir):
    """The text of the newest log."""
    return max(work_dir.glob('*/*.log')).read_text()


def last_epoch(work_dir):
    """Epoch of the last checkpoint; all there are can be loaded."""
    epochs = [
        torch.load(path, weights_only=True)['meta']['epoch']
        for path in work_dir.glob('epoch_*.pth')
    ]
    last = (work_dir / 'last_checkpoint').read_text().strip()
    assert Path(last).name == f'epoch_{max(epochs)}.pth'
    # Its lines are whole, too.
    assert log_of(work_dir)
    return max(epochs)


def kill_a_worker(run):
    os.kill(run.children()[0], signal.SIGKILL)


def terminate(run):
    run.process.terminate()


def kill(run):
    run.process.kill()


def press_ctrl_c(run):
    """As a terminal does, to all processes of the run."""
    os.killpg(run.process.pid, signal.SIGINT)


def test_one_process_with_data_workers(tmp_path):
    """One fault after the other; each start but the first resumes the one before."""
    work_dir = tmp_path / 'work'
    tool = [sys.executable, ROOT / 'tools' / 'train.py', DIGITS]
    tool += ['--work-dir', work_dir]
    options = [
        '--cfg-options',
        *ENDLESS,
        'train_dataloader.num_workers=2',
        'train_dataloader.persistent_workers=True',
    ]
    last, resume = 0, []
    for fault, code, sentence in [
        (
            kill_a_worker,
            1,
            r'a data worker is lost \(.*killed by signal: Killed.*/dev/shm',
        ),
        (terminate, 143, r'stopped by SIGTERM, as a scheduler sends it, .*\.'),
        (press_ctrl_c, 130, r'stopped by Ctrl-C \(SIGINT\)\.'),
        (kill, -9, None),
    ]:
        with Run(*tool, *resume, *options, cwd=tmp_path) as run:
            run.come_to(last + 2)
            workers = run.children()
            assert len(workers) == 2
            fault(run)
            ended, printed = run.end()
            assert ended == code, run.told()
            wait_until_gone(workers)
            if sentence:
                line = rf'^error: {sentence}.*{re.escape(f"{HINT}{work_dir}.")}$'
                assert len(re.findall(line, run.told(), re.M)) == 1, run.told()
                # A thread of multiprocessing may have one as its worker ends.
                assert 'command_line/arguments.py' not in run.told()
                assert HINT not in printed
                assert log_text(work_dir).endswith(run.told().splitlines()[-1] + '\n')
        before, last = last, last_epoch(work_dir)
        assert last > before
        resume = ['--resume']


def test_two_ranks(tmp_path):
    """A rank is killed, then the launcher; the third start comes to the end."""
    work_dir = tmp_path / 'work'
    tool = ['bash', ROOT / 'tools' / 'dist_train.sh', DIGITS, 2]
    tool += ['--work-dir', work_dir]
    options = ['--cfg-options', *ENDLESS, 'train_dataloader.batch_size=32']

    with Run(*tool, *options, cwd=tmp_path, PORT=free_port()) as run:
        run.come_to(2)
        ranks = {}
        for pid in run.children():
            variables = Path(f'/proc/{pid}/environ').read_text().split('\0')
            ranks.update({v: pid for v in variables if v.startswith('RANK=')})
        os.kill(ranks['RANK=1'], signal.SIGKILL)
        assert run.end()[0] == 1
        wait_until_gone(ranks.values())
        # By the launcher, and by the other rank, whichever way it learns of it.
        assert re.search(rf'rank +: 1 .*\n.*-9 \(pid: {ranks["RANK=1"]}\)', run.told())
        lost = r'error: rank 0: (stopped by SIGTERM, .*)?another rank ended'
        assert re.search(lost, run.told())
    assert re.search(f' - {lost}.*{re.escape(HINT)}', log_text(work_dir))
    last = last_epoch(work_dir)

    with Run(*tool, '--resume', *options, cwd=tmp_path, PORT=free_port()) as run:
        run.come_to(last + 1)
        pids = run.children()
        assert len(pids) == 2
        run.process.kill()
        wait_until_gone(pids)
    assert re.search(r'error: rank [01]: stopped by SIGTERM', log_text(work_dir))
    last = last_epoch(work_dir)

    end = f'train_cfg.max_epochs={last + 1}'
    with Run(*tool, '--resume', *options, end, cwd=tmp_path, PORT=free_port()) as run:
        assert run.end()[0] == 0, run.told()
    assert last_epoch(work_dir) == last + 1
    assert (work_dir / 'subnet.pth').is_file()
