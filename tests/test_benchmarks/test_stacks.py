"""The table of stacks: what is run, and what is not run again."""

import json

import pytest

from benchmarks import stacks


@pytest.fixture
def page(tmp_path, monkeypatch):
    file = tmp_path / 'page.md'
    file.write_text('<!-- stacks -->\n<!-- /stacks -->\n')
    monkeypatch.setattr(stacks, 'PAGE', file)
    monkeypatch.setattr(stacks, 'FILE', tmp_path / 'stacks.json')
    monkeypatch.setattr('sys.argv', ['stacks'])
    return file


def result(passed=True, of=None):
    tests = '3 passed' if passed else '1 failed, 2 passed'
    have = {'torch': '2.13.0+cpu', 'onedl-mmengine': '0.10.12', 'mmcls': '1.0.0rc6'}
    return dict(of=of or stacks.digest(), passed=passed, versions=have, tests=tests)


def test_what_passed_is_not_run_again(page, monkeypatch):
    ran = []

    def run(stack):
        ran.append(stack)
        return result(passed=stack != 'onedl')

    monkeypatch.setattr(stacks, 'run', run)
    with pytest.raises(SystemExit, match='the tests fail on onedl'):
        stacks.main()
    assert ran == stacks.STACKS == ['default', 'onedl', 'torch-2.14']
    lines = page.read_text().splitlines()
    assert lines[4] == (
        '| `make test` | torch 2.13.0 | onedl-mmengine 0.10.12 |  | mmcls 1.0.0rc6 |  '
        '| 3 passed |'
    )
    assert '`make test STACK=onedl`' in lines[5] and '1 failed' in lines[5]
    # What failed is, and what was of other sources.
    ran.clear()
    monkeypatch.setattr(stacks, 'run', lambda stack: ran.append(stack) or result())
    stacks.main()
    assert ran == ['onedl']
    monkeypatch.setattr(stacks, 'digest', lambda: 'another')
    stacks.main()
    assert len(ran) == 4
    assert json.loads(stacks.FILE.read_text()).keys() == set(stacks.STACKS)


def test_the_summary_of_the_tests(monkeypatch, tmp_path):
    """Whatever else make prints."""
    lines = 'pip: 3 passed here\\n= 7 passed, 1 skipped, 55 warnings in 295.11s =\\n'
    make = tmp_path / 'make'
    make.write_text(f'#!/bin/sh\nprintf "{lines}"\necho "$@"\nexit 1\n')
    make.chmod(0o755)
    monkeypatch.setenv('PATH', str(tmp_path), prepend=':')
    monkeypatch.setattr(stacks, 'versions', lambda python: {'torch': python.parts[-3]})
    found = stacks.run('onedl')
    assert found['tests'] == '7 passed, 1 skipped' and not found['passed']
    assert found['versions'] == {'torch': '.venv-onedl'}
