import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from mmdsnas.models.cost import Multipliers
from tests.toy import costly_net, searching


def build(costs, limits, bases=None):
    """Of groups that all have as many candidates."""
    costs = torch.as_tensor(costs, dtype=torch.float64)
    bases = torch.zeros(len(costs)) if bases is None else torch.as_tensor(bases)
    sizes = torch.full((costs.size(1),), costs.size(2))
    names = ['flops', 'params'][: len(costs)]
    limits = torch.as_tensor(limits, dtype=torch.float64)
    return Multipliers(names, costs, limits, bases.double(), sizes).double()


def test_the_excess_is_that_of_the_mean_over_the_limit():
    found = build([[[1.0, 3.0], [4.0, 8.0]]], [10.0], [5.0])
    probs = torch.tensor([[0.25, 0.75], [0.5, 0.5]], dtype=torch.float64)
    assert found.excess(probs).tolist() == pytest.approx([(5 + 2.5 + 6) / 10 - 1])


def test_one_step_by_the_formula():
    """At equal probabilities: the pressure has the size of the task's gradients."""
    found = build([[[1.0, 3.0], [4.0, 8.0]]], [7.9])
    probs = torch.full((2, 2), 0.5, dtype=torch.float64)
    grads = torch.tensor([[3e-4, -4e-4], [1e-2, 0.0]], dtype=torch.float64)
    pressure = found.step(probs, grads)
    excess = 8 / 7.9 - 1
    force = 0.2 * excess + 20 * excess  # neither is cut off
    slopes = torch.tensor([[-0.5, 0.5], [-1.0, 1.0]]).double()  # p (c - mean c)
    size = math.sqrt((0.25 + 0.25 + 1 + 1) / 4)
    rms = torch.tensor([[math.sqrt(12.5e-8)], [math.sqrt(5e-5)]]).double()
    torch.testing.assert_close(pressure, rms * force * slopes / size)
    assert found.flops.item() == pytest.approx(0.2 * excess)
    # A multiplier of 3 moves, and is damped, by 4 times as much.
    found.flops.fill_(3.0)
    found.steps.zero_(), found.mean_square.zero_()
    pressure = found.step(probs, grads)
    force = 3 + 4 * 0.2 * excess + 4 * 20 * excess
    torch.testing.assert_close(pressure, rms * force * slopes / size)
    assert found.flops.item() == pytest.approx(3 + 4 * 0.2 * excess)


def test_without_a_reward_the_pressure_is_still_felt():
    """By Adam, whose eps of 1e-8 would swallow what is as small as the gradients."""
    probs = torch.full((2, 2), 0.5, dtype=torch.float64)
    costs = [[[1.0, 3.0], [4.0, 8.0]]]
    sizes = [
        build(costs, [7.9]).step(probs, torch.full((2, 2), tiny).double()).abs().max()
        for tiny in (0.0, 1e-12, 1e-7)
    ]
    assert sizes[0] == sizes[1] == pytest.approx(sizes[2].item()) and sizes[0] > 2e-8


def test_the_multiplier_rises_above_the_limit_and_falls_below_to_zero():
    found = build([[[1.0, 3.0]]], [2.0])
    dear = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    grads = torch.ones(1, 2).double()
    for _ in range(10):
        found.step(dear, grads)
    # 50 % count as 5 %.
    assert found.flops.item() == pytest.approx((1 + 0.2 * 0.05) ** 10 - 1)
    for _ in range(5):
        found.step(1 - dear, grads)
    wanted = (1 + 0.2 * 0.05) ** 10 * (1 - 0.2 * 0.05) ** 5 - 1
    assert found.flops.item() == pytest.approx(wanted)
    for _ in range(20):
        assert not found.step(1 - dear, grads).any()
    assert found.flops == 0


def test_a_multiplier_stays_a_number():
    """Of a limit that no path can meet any more."""
    found = build([[[3.0, 3.1]]], [2.0])
    for _ in range(2000):
        found.step(torch.tensor([[0.5, 0.5]]).double(), torch.ones(1, 2).double())
    assert found.flops == 1e4


def test_a_measure_that_is_the_same_everywhere_presses_nowhere():
    found = build([[[2.0, 2.0]], [[1.0, 3.0]]], [1.9, 2.5])
    probs = torch.full((1, 2), 0.5, dtype=torch.float64)
    assert not found.step(probs, torch.ones(1, 2).double()).any()
    assert found.flops > 0 and found.params == 0


def draw(rng, probs):
    """One-hot rows."""
    drawn = (rng.random((len(probs), 1)) > probs.numpy().cumsum(-1)).sum(-1)
    most = probs.size(-1) - 1
    return F.one_hot(torch.tensor(drawn.clip(0, most)), most + 1).float()


def search(
    seed, scale, share, num_limits, paired=False, iterations=900, groups=8, candidates=4
):
    """A search of noisy rewards with alpha's optimizer of the configs.

    Dear candidates tend to be worth more. The rewards of the groups differ by four
    orders of magnitude, as the paper's do. With ``paired`` a reward is the difference
    of two draws without noise: a pull that drives the probabilities to 0 and 1 long
    before the limit is met.

    Returns:
        np.ndarray: By how much the mean costs are above their limits in the end.
    """
    rng = np.random.default_rng(seed)
    costs = rng.lognormal(0, 0.5, (num_limits, groups, 1)) * rng.uniform(
        0.4, 2, (num_limits, groups, candidates)
    )
    # The second measure follows the first, so that both can be met.
    costs[1:] = costs[:1] * rng.uniform(0.8, 1.25, costs[1:].shape)
    low, mean = costs.min(-1).sum(-1), costs.mean(-1).sum(-1)
    if num_limits > 1:
        cheap = costs[0].argmin(-1)
        low = costs[:, range(groups), cheap].sum(-1)
    found = build(costs, low + share * (mean - low)).float()
    z = costs[0] - costs[0].mean(-1, keepdims=True)
    worth = torch.tensor(rng.normal(size=z.shape) + z / z.std()).float()
    sizes = torch.tensor(scale * 10 ** rng.uniform(-4, 0, (groups, 1))).float()
    alpha = torch.zeros(groups, candidates, requires_grad=True)
    adam = torch.optim.Adam([alpha], lr=2e-2, betas=(0.5, 0.999))
    for _ in range(iterations):
        probs = alpha.detach().softmax(-1)
        drawn, other = (draw(rng, probs) for _ in range(2))
        reward = worth.gather(1, drawn.argmax(-1, keepdim=True))
        if paired:
            reward -= worth.gather(1, other.argmax(-1, keepdim=True))
            scores = (drawn - other) / 2
        else:
            reward += torch.tensor(rng.normal(scale=2, size=(groups, 1))).float()
            scores = drawn - probs
        grads = -sizes * reward * scores
        alpha.grad = grads + found.step(probs, grads)
        adam.step()
    return found.excess(alpha.detach().softmax(-1)).numpy()


@pytest.mark.slow
@pytest.mark.parametrize('scale', [1e-6, 1e-3, 1e-1])
def test_the_expectation_comes_to_the_limit(scale):
    """Limits from just above the cheapest path to the middle; no weight is tuned."""
    for seed, (share, num_limits) in enumerate(
        [(0.02, 1), (0.3, 1), (0.7, 1), (0.3, 2)]
    ):
        excess = search(seed, scale, share, num_limits)
        assert excess.max() <= 0.02, (share, num_limits)
        if share >= 0.3:
            # And not far below, which would be cheap to have.
            assert excess.max() >= -0.05, (share, num_limits)


def test_a_search_that_was_sure_too_early_finds_the_way_back():
    for seed in (0, 3):
        excess = search(seed, 1e-3, 0.02, 1, paired=True, iterations=700)
        assert excess.max() <= 0.02, seed


def test_a_limit_that_is_out_of_the_way_changes_nothing():
    costs = np.random.default_rng(0).random((1, 4, 3))
    found = build(costs, costs.max(-1).sum(-1))
    for _ in range(50):
        probs = torch.randn(4, 3).double().softmax(-1)
        assert not found.step(probs, torch.randn(4, 3).double()).any()


def test_a_fixed_group_gets_no_gradient():
    """Adam's momentum would move its alpha."""
    algorithm = searching(costly_net(), cost=dict(limit=1e-3))
    algorithm.mutator.fix(dict(module_1='cheap'))
    for alpha in algorithm.mutator.parameters():
        alpha.grad = None
    with algorithm.constrained_step() as add_constraint_grad:
        add_constraint_grad()
    pressed = [alpha.grad is not None for alpha in algorithm.mutator.parameters()]
    assert pressed == [True, False, True]
