"""Files with the names of the authors, and the tool that converts them."""

import runpy
import sys
from functools import partial

import pytest
import torch
from mmengine.registry import DefaultScope

from tests.test_reference.filling import CASES, official_weights
from tests.test_tools.conftest import ROOT

TOOL = 'model_converters/convert_official.py'
CASE = CASES[0]


@pytest.fixture(scope='module')
def supernet():
    """The authors' supernet whose most probable path is that of the case."""
    weights = official_weights(CASE['salt'])
    weights['log_alpha'][range(20), CASE['path']] += 10
    return weights


@pytest.fixture(scope='module')
def child(supernet):
    """The child, with the authors' slots and a random alpha."""
    kept = tuple(f'features.{i}.{k}.' for i, k in enumerate(CASE['path']))
    weights = {
        name: value
        for name, value in supernet.items()
        if name.startswith(kept) or not name.startswith('features.')
    }
    return {**weights, 'log_alpha': torch.randn(20, 4)}


@pytest.fixture(scope='module')
def files(supernet, child, tmp_path_factory):
    """A folder with a supernet as the authors save it, and a child alone."""
    folder = tmp_path_factory.mktemp('official')
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.25)
    whole = dict(
        epoch=80,
        model='ShuffleNetV2_OneShot',
        state_dict={f'module.{name}': value for name, value in supernet.items()},
        best_prec1=60.0,
        optimizer=optimizer.state_dict(),
    )
    # The format of their time.
    old = dict(_use_new_zipfile_serialization=False)
    torch.save(whole, folder / 'model.pth-80', **old)
    torch.save(child, folder / 'child.pth')
    return folder


@pytest.fixture
def run_here(monkeypatch, capsys):
    """Runs a tool in this process; returns what it printed."""

    def run(tool, *args):
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, args)])
        # A tool may set the default scope, which is the process's.
        with DefaultScope.overwrite_default_scope('mmdsnas'):
            runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
        return capsys.readouterr().out

    return run


@pytest.fixture
def convert(run_here):
    return partial(run_here, TOOL)
