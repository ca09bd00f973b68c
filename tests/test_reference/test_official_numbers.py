"""The numbers of the authors' code, through the config of their search."""

import pytest
import torch
from mmcls.structures import ClsDataSample
from mmengine.registry import DefaultScope

from mmdsnas.launch.run_config import load_config
from mmdsnas.models import DSNAS
from mmdsnas.models.mutators import PathSample
from mmdsnas.registry import MODELS
from mmdsnas.subnets.official import official_names
from tests.test_reference.filling import (
    CASES,
    REFERENCE,
    TOLERANCE,
    assert_logits,
    images,
    official_weights,
)

CONFIG = 'dsnas_official-supernet_8xb128_in1k'


@pytest.fixture(scope='module')
def algorithm():
    # The numbers are of a supernet in which no block is fixed.
    config = load_config(CONFIG, {'model.mutator.fix_threshold': None})
    with DefaultScope.overwrite_default_scope(config.default_scope):
        model = MODELS.build(config.model).double()
    assert isinstance(model, DSNAS)
    return model


@pytest.fixture(scope='module', params=CASES, ids=lambda case: case['salt'])
def case_and_weights(request):
    return request.param, official_weights(request.param['salt'])


@pytest.fixture
def case(case_and_weights, algorithm):
    """A case, with its weights in the algorithm."""
    case, weights = case_and_weights
    names = official_names(algorithm.architecture)
    algorithm.architecture.load_state_dict({names[n]: weights[n] for n in names})
    alphas = algorithm.mutator.arch_params.values()
    with torch.no_grad():
        for alpha, row in zip(alphas, weights['log_alpha'], strict=True):
            alpha.copy_(row)
    algorithm.cost_term.weight = case['flops_loss_coef']
    return case


@pytest.fixture
def path(algorithm, case):
    """The sampled path of the case: candidate by group."""
    groups = algorithm.mutator.search_groups
    names = REFERENCE['candidate_names']
    return {g: names[k] for g, k in zip(groups, case['path'], strict=True)}


def rows(case, key):
    return torch.tensor(case[key], dtype=torch.float64)


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


def test_logits_of_the_path(algorithm, case, path):
    algorithm.eval()
    algorithm.mutator.set_choices(path)
    with torch.no_grad():
        assert_logits(algorithm.architecture(images(case)), case)


def test_losses_and_gradients(algorithm, case, path, monkeypatch):
    mutator, architecture = algorithm.mutator, algorithm.architecture
    monkeypatch.setattr(mutator, 'draw_path', lambda *_: path)
    algorithm.train()
    algorithm.begin(epoch=0)
    algorithm.zero_grad()
    samples = [ClsDataSample().set_gt_label(label) for label in case['labels']]
    losses = algorithm(images(case), samples, mode='loss')

    def alpha_grad():
        return torch.stack([alpha.grad for alpha in mutator.arch_params.values()])

    def close(value, key):
        torch.testing.assert_close(value, rows(case, key), **TOLERANCE)

    close(losses['task.loss'], 'train_loss')
    draw = PathSample(mutator, path)
    close(draw.log_prob(draw.chosen).sum(), 'log_prob_sum')
    losses['task.loss'].backward()
    close(algorithm.gradient_estimator.block_rewards, 'block_reward')
    close(alpha_grad(), 'log_alpha_grad')
    for layer, key in (
        (architecture.head.fc, 'classifier'),
        (architecture.backbone.conv1.conv, 'first_conv'),
    ):
        close(layer.weight.grad.abs().sum(), f'{key}_weight_grad_abs_sum')
    over_limit = case['sampled_block_mflops'] >= 290
    assert losses['cost.loss'].requires_grad == over_limit
    if over_limit:
        losses['cost.loss'].backward()
    close(alpha_grad(), 'log_alpha_grad_with_flops_loss')
