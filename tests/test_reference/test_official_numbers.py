"""The numbers of the authors' code, through the config of their search."""

import pytest
import torch

from mmdsnas.models import DSNAS
from mmdsnas.subnets.official import official_names
from tests.test_reference import numbers
from tests.test_reference.filling import (
    CASES,
    REFERENCE,
    TOLERANCE,
    assert_logits,
    official_weights,
)


@pytest.fixture(scope='module')
def algorithm():
    model = numbers.build_search()
    assert isinstance(model, DSNAS)
    return model


@pytest.fixture(scope='module', params=CASES, ids=lambda case: case['salt'])
def case_and_weights(request):
    return request.param, official_weights(request.param['salt'])


@pytest.fixture
def case(case_and_weights, algorithm):
    """A case, with its weights in the algorithm."""
    case, weights = case_and_weights
    numbers.set_weights(algorithm, case, weights)
    return case


@pytest.fixture
def path(algorithm, case):
    """The sampled path of the case: candidate by group."""
    return numbers.path_of(algorithm, case)


@pytest.mark.slow
def test_every_tensor_has_a_counterpart(algorithm):
    """One to one, of the same shape, and none is left on either side."""
    names = official_names(algorithm.architecture)
    own = algorithm.architecture.state_dict()
    shapes = {n: tuple(s) for n, s in REFERENCE['shapes'].items() if n != 'log_alpha'}
    assert {theirs: tuple(own[ours].shape) for theirs, ours in names.items()} == shapes
    assert sorted(names.values()) == sorted(own)
    alphas = [f'mutator._arch_params.module_{i}' for i in range(20)]
    assert set(algorithm.state_dict()) == {
        *(f'architecture.{name}' for name in own),
        *alphas,
        'mutator._fixed',
    }
    assert REFERENCE['shapes']['log_alpha'] == [20, 4]
    assert all(algorithm.state_dict()[alpha].shape == (4,) for alpha in alphas)


@pytest.mark.slow
def test_candidates_are_in_the_authors_order(algorithm):
    for blocks in algorithm.mutator.search_groups.values():
        assert [b.choices for b in blocks] == [REFERENCE['candidate_names']]


def test_cost_table_is_the_authors(algorithm):
    table = algorithm.cost_table
    assert algorithm.resource_estimator.count == 'conv'
    assert [
        [cost['flops'] for cost in row.values()] for row in table.blocks.values()
    ] == REFERENCE['block_mflops']
    assert list(table.groups.values()) == [[name] for name in table.blocks]


def test_cost_of_the_path(algorithm, case, path):
    cost = algorithm.cost_table.cost(path, fixed_part=False)['flops']
    assert cost == pytest.approx(case['sampled_block_mflops'], rel=1e-12)


def test_logits_of_the_path(algorithm, case):
    assert_logits(numbers.logits(algorithm, case), case)


def test_losses_and_gradients(algorithm, case):
    found = numbers.training(algorithm, case)
    assert len(found) == 7
    for key, value in found.items():
        expected = torch.tensor(case[key], dtype=torch.float64)
        torch.testing.assert_close(value, expected, **TOLERANCE)
