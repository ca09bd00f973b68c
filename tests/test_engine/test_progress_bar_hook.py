import os
import re
import sys
import threading

import pytest

from mmdsnas.engine.hooks.logging import progress_bar_hook
from tests.toy_run import Keep, runner_of

HOOK = dict(type='ProgressBarHook')


class Terminal:
    """A pseudo-terminal in the place of stdout, and what is printed to it."""

    def __init__(self) -> None:
        self._reader, writer = os.openpty()
        self.stdout = os.fdopen(writer, 'w')
        self._content = b''
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def _read(self) -> None:
        # The end of a pseudo-terminal is an error.
        try:
            while part := os.read(self._reader, 4096):
                self._content += part
        except OSError:
            pass

    def content(self) -> str:
        self.stdout.close()
        self._thread.join()
        os.close(self._reader)
        return self._content.decode()


def test_a_bar_below_the_log(tmp_path, monkeypatch):
    monkeypatch.setattr(progress_bar_hook, 'INTERVAL', 0.0)
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setenv('COLUMNS', '200')
    terminal = Terminal()
    monkeypatch.setattr(sys, 'stdout', terminal.stdout)
    runner = runner_of(tmp_path, [HOOK], log_level='INFO')
    runner.train()
    streams = [getattr(handler, 'stream', None) for handler in runner.logger.handlers]
    assert streams[0] is sys.stdout is terminal.stdout
    shown = terminal.content()
    monkeypatch.undo()
    for epoch in (1, 2, 3):
        assert f'epoch {epoch}/3' in shown
    assert set(re.findall(r'(\d+)/12', shown)) >= {str(n) for n in range(1, 13)}
    assert 'steps, left:' in shown
    # As many lines of the log as in the file, each from a line's beginning.
    (log,) = tmp_path.glob('work/*/*.log')
    logged = re.findall(r'Epoch\(train\) +\[\d\]\[\d/4\]', log.read_text())
    plain = re.sub(r'\x1b\[[0-9;?]*[a-zA-Z]', '', shown).replace('\r', '\n')
    lines = [line for line in plain.split('\n') if 'Epoch(train)' in line]
    assert len(lines) == len(logged) == 12
    assert all(re.match(r'\d\d/\d\d \d\d:\d\d:\d\d - mmengine', line) for line in lines)
    assert 'steps, left' not in log.read_text()
    # A run that fails later leaves the terminal its cursor.
    assert shown.index('\x1b[?25h') < shown.index('Stage pretrain')


def test_a_resumed_run_goes_on_with_the_bar(tmp_path, monkeypatch):
    """The number of steps that the bar begins with is that of the run."""
    terminal = Terminal()
    monkeypatch.setenv('TERM', 'xterm')
    monkeypatch.setattr(sys, 'stdout', terminal.stdout)
    runner = runner_of(tmp_path, [HOOK], log_level='INFO')
    runner.build_train_loop(dict(by_epoch=True, max_epochs=3))
    monkeypatch.setattr(type(runner), 'iter', 8)
    monkeypatch.setattr(type(runner), 'max_iters', 12)
    hook = progress_bar_hook.ProgressBarHook()
    hook.before_train(runner)
    (task,) = hook._bar.tasks
    hook.after_train(runner)
    terminal.content()
    assert (task.completed, task.total) == (8, 12)


@pytest.mark.parametrize('main, tty', [(True, False), (False, True)])
def test_no_bar_elsewhere(tmp_path, monkeypatch, capsys, main, tty):
    monkeypatch.setattr(progress_bar_hook, 'is_main_process', lambda: main)
    monkeypatch.setattr(sys.stdout, 'isatty', lambda: tty, raising=False)
    hook, bars = progress_bar_hook.ProgressBarHook(), []
    keep = Keep('before_train_iter', lambda _: bars.append(hook._bar), 50)
    runner_of(tmp_path, [hook, keep], log_level='INFO').train()
    printed = capsys.readouterr().out
    assert 'Epoch(train)' in printed and '\x1b[?25' not in printed
    assert bars == [None] * 12
