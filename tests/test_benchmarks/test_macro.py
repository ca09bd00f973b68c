"""The space of NAS-Bench-Macro, against rows of its table (Apache-2.0)."""

import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

from benchmarks.macro import training
from benchmarks.macro.truth import DIGITS, Truth, digits_of, hand_made, read
from mmdsnas.registry import MODELS

# Multiply-adds, parameters and mean accuracy.
ROWS = {
    '00000000': (7713280, 387882, 45.36333211263021),
    '11111111': (53246464, 1588874, 91.92999776204427),
    '22222222': (105660928, 2932586, 92.95333099365234),
    '21011021': (57213440, 1879338, 90.7699966430664),
}


@pytest.fixture
def truth(tmp_path):
    names = 'flops', 'params', 'mean_acc'
    rows = {digits: dict(zip(names, row)) for digits, row in ROWS.items()}
    (tmp_path / 'table.json').write_text(json.dumps(rows))
    return Truth(read(tmp_path / 'table.json'))


@pytest.mark.parametrize('name', ['search', 'additive-elastic'])
def test_costs_are_those_of_the_table(truth, name):
    config = Config.fromfile(Path(training.CONFIGS) / f'{name}.py')
    init_default_scope('mmdsnas')
    algorithm = MODELS.build(config.model)
    names = {digit: name for name, digit in DIGITS.items()}
    groups = list(algorithm.mutator.search_groups)
    for digits, network in truth.networks.items():
        path = dict(zip(groups, map(names.get, digits)))
        cost = algorithm.cost_table.cost(path)
        assert cost['flops'] == pytest.approx(network.mflops, abs=1e-9), digits
        assert cost['params'] == pytest.approx(network.mparams, abs=1e-9), digits
        assert digits_of(path) == digits


def test_what_is_within_a_limit(truth):
    assert truth.best(60) == ROWS['11111111'][2]
    assert truth.best(200) == ROWS['22222222'][2]
    assert truth.random(60) == pytest.approx(
        sum(ROWS[d][2] for d in ('00000000', '11111111', '21011021')) / 3
    )
    found = hand_made()
    assert len(found) == len(set(found)) == 2 * 2 * 3 * 3
    assert {'11111111', '22222222', '10100100', '22200220'} <= set(found)
