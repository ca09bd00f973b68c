"""Some cells of the matrix; `make resume-matrix` runs all of them."""

import os
import subprocess
import sys

import pytest

from tests.resume.search import ROOT

CELLS = (
    'fixed-1-fp32-2',
    'writing-1-fp32-2',
    'finetune-start-2-bf16-2',
)


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    """What the harness prints, by cell."""
    done = subprocess.run(
        [sys.executable, '-m', 'tests.resume', *CELLS]
        + ['--folder', str(tmp_path_factory.mktemp('resume'))],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': str(ROOT), 'CUDA_VISIBLE_DEVICES': ''},
    )
    return done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize('cell', CELLS)
def test_resumed_search_ends_like_the_uninterrupted_one(report, cell):
    assert f'{cell}  ok' in report, report
