"""The check of a GPU: its steps, its environment, and a dry run of all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu_check import (
    environment,
    report,
    running,
    searches,
    speed,
    steps,
    wheels,
)
from benchmarks.gpu_check.step import Context, Noted
from benchmarks.gpu_check.steps import Step
from mmdsnas.versions import installed
from tests.test_benchmarks.gpu_steps import in_test
from tests.test_benchmarks.test_speed_report import made_up

ROOT = Path(__file__).resolve().parents[2]


def run(out, *given, seconds=300):
    """What steps leave, all with small numbers on the CPU."""
    results = running.run_steps(given, out, 'cpu', True, seconds)
    assert json.loads((out / 'gpu_check.json').read_text())['steps'] == results
    return {name: (of['status'], of['found']) for name, of in results.items()}


def test_a_step_that_fails_stops_no_other_one(tmp_path):
    absent = Step('absent', 'it', 'benchmarks.gpu_check.no_such_module:x', 60)
    found = run(
        tmp_path / 'out',
        *(in_test(name) for name in ('wrong', 'crashes', 'noted')),
        absent,
        in_test('right'),
    )
    assert found['wrong'] == ('failed', 'ValueError: the first line and the second')
    assert found['crashes'][0] == 'failed' and 'last words' in found['crashes'][1]
    assert found['noted'] == ('noted', 'not as it should be')
    assert found['absent'][0] == 'failed'
    assert found['absent'][1].startswith('ModuleNotFoundError: ')
    assert found['right'] == ('ok', 'cpu | True')


def test_a_failure_of_an_optional_step_is_noted(tmp_path):
    found = run(tmp_path, in_test('wrong', optional=True))
    assert found['wrong'][0] == 'noted'


def test_a_step_that_hangs_is_ended_with_all_that_it_started(tmp_path):
    found = run(tmp_path, in_test('hangs', seconds=6), in_test('right'))
    assert found['hangs'][0] == 'failed'
    assert found['hangs'][1].startswith('It did not end within 6 s')
    assert found['right'][0] == 'ok'
    process = int((tmp_path / 'process').read_text())
    status = Path(f'/proc/{process}/stat')
    # Nobody may have waited for it yet.
    assert (
        not status.exists() or status.read_text().rpartition(')')[2].split()[0] == 'Z'
    )


def test_steps_that_there_is_no_time_for_are_told(tmp_path):
    found = run(tmp_path, in_test('right'), seconds=1)
    assert found['right'] == ('failed', 'Not started: the time was used up.')


def result(status='ok', **more):
    return dict(title='a title', status=status, seconds=1.4, found='a | b\nc', **more)


def test_the_table():
    text = report.report(dict(one=result(), projection=result(tables=dict(a='| t |'))))
    lines = text.splitlines()
    assert lines[:2] == ['| check | result | s | what was found |', '| --- ' * 4 + '|']
    assert lines[2] == '| a title | ok | 1 | a / b c |'
    assert text.endswith('\n\n| t |')


def test_the_page_has_the_table_of_a_gpu_alone(tmp_path):
    page, file = tmp_path / 'page.md', tmp_path / 'gpu_check.json'
    page.write_text('<!-- gpu -->\n<!-- /gpu -->\n')
    (tmp_path / 'kept').mkdir()
    for small in (True, False):
        content = dict(device='cuda', small=small, steps=dict(one=result()))
        file.write_text(json.dumps(content))
        if small:
            with pytest.raises(SystemExit, match='of a dry run'):
                report.write_page(file, page, tmp_path / 'kept')
            assert 'a title' not in page.read_text()
    report.write_page(file, page, tmp_path / 'kept')
    assert '| a title | ok | 1 |' in page.read_text()
    assert (tmp_path / 'kept' / file.name).read_text() == file.read_text()
    assert '<!-- gpu -->' in report.PAGE.read_text()


def test_wheels_that_are_too_large_are_refused(tmp_path):
    for name, size in (('small', 2**20), ('large', 3 * 2**20)):
        (tmp_path / f'{name}-1.0-py3-none-any.whl').write_bytes(bytes(size))
    assert wheels.check_size(tmp_path).startswith('2 wheels of 4.0 MiB in ')
    with pytest.raises(SystemExit, match='at most 3 MiB.* one is large-1.0'):
        wheels.check_size(tmp_path, 3 * 2**20)


def test_what_is_fetched():
    """All that the packages need and a machine with torch may lack."""
    if installed('mmengine')[0] != 'mmengine':
        pytest.skip('has other packages than requirements/runtime.txt')
    found = wheels.requirements()
    assert {'mmengine', 'mmcls', 'mmrazor', 'addict', 'yapf', 'platformdirs'} <= set(
        found
    )
    assert {'pydantic', 'pydantic-core', 'setuptools'} <= set(found)
    assert not {'torch', 'numpy', 'scipy', 'opencv-python', 'sympy'} & set(found)
    pure, *compiled = wheels.commands(found, Path('here'))
    assert f'mmengine=={found["mmengine"]}' in pure
    assert len(compiled) == len(wheels.PYTHONS)
    assert all(f'pydantic-core=={found["pydantic-core"]}' in each for each in compiled)
    assert all('--no-deps' in each for each in (pure, *compiled))


def test_what_is_installed(tmp_path):
    for name in ('ordered_set-4.1.0-py3', 'setuptools-81.0.0-py3', 'a.b_C-1-cp311'):
        (tmp_path / f'{name}-none-any.whl').touch()
    (tmp_path / 'a.b_C-1-cp312-none-any.whl').touch()
    assert environment.names(tmp_path) == ['a-b-c', 'ordered-set', 'setuptools<82']


def test_what_is_missing_is_told_before_anything_is_made(tmp_path, monkeypatch):
    monkeypatch.setattr(environment, 'NEEDED', ('nothing_of_this_name', 'torch'))
    with pytest.raises(
        SystemExit, match='has no nothing_of_this_name.*gpu-check-wheels'
    ):
        environment.make(tmp_path / 'venv', tmp_path)
    assert not (tmp_path / 'venv').exists()
    monkeypatch.setattr(environment, 'NEEDED', ('torch',))
    environment.become_ready([])


def test_the_steps_are_there():
    for step in steps.STEPS:
        module, _, name = step.function.partition(':')
        text = (ROOT / f'{module.replace(".", "/")}.py').read_text()
        assert f'def {name}(context: Context)' in text
    assert len({step.name for step in steps.STEPS}) == len(steps.STEPS)


def test_what_runs_first_needs_python_alone():
    """On a machine on which nothing is installed yet."""
    code = (
        'import sys; sys.path.insert(0, sys.argv[1]); '
        'import benchmarks.gpu_check.__main__; '
        'print(*sorted({"torch", "mmengine", "mmdsnas", "numpy"} & set(sys.modules)))'
    )
    command = [sys.executable, '-c', code, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == '\n'


def test_a_rank_that_fails_ends_the_other_one(tmp_path, monkeypatch):
    """Both fail at once where there is no such program."""
    monkeypatch.setattr(sys, 'executable', '/bin/false')
    context = Context('cpu', True, str(tmp_path), str(tmp_path))
    said = searches.run_ranks(context, 'gloo', tmp_path)
    assert said == 'exit code 1, without a word'


def test_what_is_said_of_a_step():
    sections = made_up()
    told = speed.summary(sections)
    for words in (
        'search / plain 0.500',
        '40 with channels last',
        'busy 75%',
        '256 MiB',
    ):
        assert words in told
    # Where a dry run has no more, or the profiler does not work.
    steps = {**sections['steps'], 'idle_error': 'why'}
    del steps['idle']
    assert speed.summary(dict(steps=steps)).endswith('was not seen (why)')


def test_the_projection_takes_the_rates_that_were_measured(tmp_path):
    context = Context('cpu', True, str(tmp_path), str(tmp_path))
    sections = made_up()
    content = dict(steps=dict(loader=dict(data=sections['data'])))
    (tmp_path / 'gpu_check.json').write_text(json.dumps(content))
    with pytest.raises(Noted, match='nothing to project'):
        speed.projected(context)
    plain = dict(images_per_second=1234.0)
    sections['steps']['variants']['plain'] = plain
    (tmp_path / 'speed_bf16.json').write_text(json.dumps(dict(sections=sections)))
    found = speed.projected(context)
    assert found['tables'].keys() == {'bf16'}
    assert '\n| 1234 |' in found['tables']['bf16']
    assert '(bf16, measured)' in found['tables']['bf16']


@pytest.mark.slow
def test_a_dry_run_of_all(tmp_path):
    """Each step on the CPU with small numbers."""
    command = [
        sys.executable,
        '-W',
        'ignore',
        '-m',
        'benchmarks.gpu_check',
        '--dry-run',
    ]
    done = subprocess.run(
        [*command, '--out', str(tmp_path), '--minutes', '15'],
        cwd=ROOT,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found = json.loads((tmp_path / 'gpu_check.json').read_text())['steps']
    assert {name: of['status'] for name, of in found.items()} == {
        step.name: 'ok' for step in steps.STEPS
    }
    assert {file.name for file in tmp_path.iterdir()} == {
        *('gpu_check.json', 'gpu_check.md', 'speed_float32.json', 'speed_bf16.json')
    }
