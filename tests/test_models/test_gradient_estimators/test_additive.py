"""The additive fit and its gradient, against least squares and enumeration."""

import itertools

import numpy as np
import pytest
import torch

from mmdsnas.models import AdditiveGradient
from mmdsnas.models.gradient_estimators.additive import additive_fit
from mmdsnas.models.mutators import PathSample
from tests.toy import Apply as Op
from tests.toy import ToyNet, algorithm_of, block, prepared, set_alpha, smooth_net

ALPHA = ([0.5, -0.4, 0.2], [-0.3, 0.6, 0.0], [0.1, -0.8, 0.4])
EFFECTS = torch.tensor([[0.3, 0.0, -0.2], [0.1, 0.5, 0.0], [0.0, -0.4, 0.2]]).double()
PATHS = list(itertools.product(range(3), repeat=3))


def loss_of(path):
    """Losses that are sums of effects."""
    return 2.0 + sum(EFFECTS[g, k] for g, k in enumerate(path))


def estimator_of(mutator, **kwargs):
    estimator = AdditiveGradient(**kwargs)
    estimator.prepare(*mutator.probs().shape)
    return estimator


def sample_of(mutator, path):
    names = list(mutator.search_groups)
    choices = {n: mutator.choices(n)[k] for n, k in zip(names, path)}
    return PathSample(mutator, choices)


def step(estimator, mutator, path, loss):
    """Losses of an iteration whose task has the given loss."""
    return estimator(sample_of(mutator, path), lambda: dict(loss=torch.as_tensor(loss)))


@pytest.fixture
def mutator():
    mutator = prepared(smooth_net()).double()
    set_alpha(mutator, *ALPHA)
    return mutator


def gradient_of(mutator, losses):
    mutator.zero_grad()
    losses['loss'].backward()
    return torch.stack([alpha.grad for alpha in mutator.parameters()])


def test_the_fit_is_ridge_regression():
    rng = np.random.default_rng(0)
    paths, weights = rng.integers(0, 3, (40, 3)), rng.uniform(0.2, 1, 40)
    losses = rng.normal(2, 1, 40)
    rows = np.zeros((40, 9))
    rows[np.arange(40)[:, None], np.arange(3) * 3 + paths] = 1
    rows = np.c_[rows, np.ones(40)]
    # Ridge as more losses, of 0, each of one effect alone.
    ridge = np.diag([1.0] * 9 + [1e-6]) ** 0.5
    root = weights[:, None] ** 0.5
    design = np.r_[root * rows, ridge]
    wanted = np.linalg.lstsq(design, np.r_[root[:, 0] * losses, np.zeros(10)], None)[0]
    residual = weights @ (losses - rows @ wanted) ** 2
    inverse = np.linalg.inv(design.T @ design)

    whole = np.c_[rows, losses]
    moments = torch.from_numpy((whole * weights[:, None]).T @ whole)
    effects, covariance, variance = additive_fit(moments)
    assert np.abs(effects.numpy() - wanted[:9]).max() < 1e-9
    assert np.abs(covariance.numpy() - inverse[:9, :9]).max() < 1e-9
    assert variance.item() == pytest.approx(residual / (weights.sum() - 9))


def test_of_few_losses_nothing_is_sure(mutator):
    estimator = estimator_of(mutator)
    for path in PATHS[:5]:
        step(estimator, mutator, path, loss_of(path))
    assert estimator.difference(PATHS[0], PATHS[-1])[1] == float('inf')


def test_the_gradient_is_that_of_the_expected_loss(mutator):
    """By enumeration of all paths, where losses are sums of effects."""
    estimator = estimator_of(mutator, memory=10**6, temperature=0.2)
    for path in PATHS * 40:
        losses = step(estimator, mutator, path, loss_of(path))
    found = gradient_of(mutator, losses)
    alpha = torch.tensor(ALPHA, dtype=torch.float64, requires_grad=True)
    expected = 0
    for path in PATHS:
        p = torch.stack([alpha[g].softmax(-1)[k] for g, k in enumerate(path)]).prod()
        expected = expected + p * (loss_of(path) + 0.2 * p.log())
    wanted = torch.autograd.grad(expected, alpha)[0]
    assert wanted.abs().max() > 0.05
    # Ridge makes effects smaller.
    assert (found - wanted).abs().max() < 2e-3


def test_it_ends_where_log_p_is_minus_the_effect(mutator):
    estimator = estimator_of(mutator, memory=10**6, temperature=0.2)
    for path in PATHS:
        step(estimator, mutator, path, loss_of(path))
    # Another step of the same loss moves the fit.
    moments = estimator.moments.clone()
    set_alpha(mutator, *(-additive_fit(moments)[0].view(3, 3) / 0.2))
    estimator._remember = lambda *args: None
    losses = step(estimator, mutator, PATHS[0], loss_of(PATHS[0]))
    assert gradient_of(mutator, losses).abs().max() < 1e-12


def test_the_loss_stays_and_rewards_are_effects_beside_their_mean(mutator):
    estimator = estimator_of(mutator)
    for path in PATHS:
        losses = step(estimator, mutator, path, loss_of(path))
    assert losses['loss'] == loss_of(PATHS[-1])
    (8 * losses['loss']).backward()
    effects = additive_fit(estimator.moments)[0].view(3, 3)
    means = (mutator.probs() * effects).sum(1)
    assert torch.allclose(estimator.block_rewards, 8 * (effects[:, 2] - means))


def test_steps_count_the_less_the_longer_ago_they_were(mutator):
    estimator = estimator_of(mutator, memory=2)
    for path, loss in ((PATHS[0], 3.0), (PATHS[-1], 1.0), (PATHS[5], float('nan'))):
        step(estimator, mutator, path, loss)
    kept = 1 - 1 / (2 * 9)
    assert estimator.moments[-2, -2].item() == pytest.approx(kept + 1)
    assert estimator.moments[-1, -2].item() == pytest.approx(kept * 3 + 1)
    assert estimator.moments[0, -1].item() == pytest.approx(kept * 3)
    # A step without a number leaves no trace.
    assert estimator.moments.isfinite().all()


def test_a_group_that_is_fixed_keeps_its_place(mutator):
    estimator = estimator_of(mutator)
    for path in PATHS:
        step(estimator, mutator, path, loss_of(path))
    mutator.fix(dict(module_1='square'))
    before = estimator.moments.diagonal().clone()
    losses = step(estimator, mutator, (0, 2, 1), loss_of((0, 2, 1)))
    losses['loss'].backward()
    grads = [alpha.grad for alpha in mutator.parameters()]
    assert grads[1] is None and all(grads[k].abs().max() > 0 for k in (0, 2))
    assert estimator.block_rewards.shape == (2,)
    # First of the first group, last of the fixed one, second of the third, and the 1.
    new = estimator.moments.diagonal() - (1 - 1 / (20 * 9)) * before
    assert torch.allclose(
        new[:-1], torch.tensor([1, 0, 0, 0, 0, 1, 0, 1, 0, 1.0]).double()
    )


def test_groups_may_differ_in_their_candidates():
    """Padding has no effect, and no gradient that is no number."""
    ops = [dict(a=Op(torch.sin)), dict(a=Op(torch.sin), b=Op(torch.cos))]
    net = ToyNet([block(**own) for own in ops]).double()
    algorithm = algorithm_of(net, gradient_estimator=dict(type='AdditiveGradient'))
    mutator, estimator = algorithm.mutator, algorithm.gradient_estimator
    for k, loss in ((0, 1.0), (1, 3.0)) * 40:
        losses = step(estimator, mutator, (0, k), loss)
    losses['loss'].backward()
    one, two = (alpha.grad for alpha in mutator.arch_params.values())
    assert one.tolist() == [0.0] and two[1] > 0.4 and two.isfinite().all()
    larger, error = estimator.difference((0, 1), (0, 0))
    assert larger == pytest.approx(2, abs=0.1) and 0 < error < 0.1
