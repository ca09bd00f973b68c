import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.jobs import run_jobs

ROOT = Path(__file__).parents[2]


def double(number):
    return dict(value=2 * number)


def fail(number):
    raise ValueError(f'no {number}')


@pytest.mark.slow
def test_jobs_run_once_and_a_call_goes_on_where_one_failed(tmp_path, capsys):
    jobs = {f'job-{i}': (double, (i,)) for i in range(3)}
    with pytest.raises(ValueError, match='no 7'):
        run_jobs({'job-0': jobs['job-0'], 'bad': (fail, (7,))}, tmp_path, 1)
    assert [file.name for file in tmp_path.glob('*.json')] == ['job-0.json']
    # What is there is taken as it is.
    (tmp_path / 'job-0.json').write_text('{"value": 100}')
    found = run_jobs(jobs, tmp_path, 1)
    assert list(found.items()) == [
        ('job-0', dict(value=100)),
        ('job-1', dict(value=2)),
        ('job-2', dict(value=4)),
    ]
    told = capsys.readouterr().out
    assert '1 of 3 jobs are done.' in told and '2/2  0:00:00 left  job-2' in told
    assert json.loads((tmp_path / 'job-2.json').read_text()) == dict(value=4)


def wait_for_ever(file):
    Path(file).write_text(str(os.getpid()))
    time.sleep(1000)


@pytest.mark.slow
@pytest.mark.parametrize('number', [signal.SIGTERM, signal.SIGKILL])
def test_its_processes_end_with_a_command(tmp_path, number):
    code = (
        'from benchmarks.jobs import run_jobs; from pathlib import Path; '
        'from tests.test_benchmarks.test_jobs import wait_for_ever; '
        f"run_jobs(dict(a=(wait_for_ever, ('{tmp_path}/pid',))), Path('{tmp_path}'), 1)"
    )
    command = subprocess.Popen([sys.executable, '-c', code], cwd=ROOT)
    try:
        pid = tmp_path / 'pid'
        wait_until(lambda: pid.exists() and pid.read_text())
        command.send_signal(number)
        command.wait(60)
        wait_until(lambda: not Path('/proc', pid.read_text()).exists())
    finally:
        command.kill()
    assert not (tmp_path / 'a.json').exists()


def wait_until(true):
    end = time.monotonic() + 100
    while not true():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.mark.slow
def test_results_of_other_configs_are_not_added_to(tmp_path):
    run_jobs(dict(a=(double, (1,))), tmp_path, 1)
    (tmp_path / 'recipe.txt').write_text('another')
    # What is complete is read all the same.
    assert run_jobs(dict(a=(double, (1,))), tmp_path, 1) == dict(a=dict(value=2))
    with pytest.raises(SystemExit, match='--folder must have results of the configs'):
        run_jobs(dict(b=(double, (1,))), tmp_path, 1)
