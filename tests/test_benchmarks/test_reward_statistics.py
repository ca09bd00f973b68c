"""Statistics of estimators against a loss table that can be enumerated."""

import itertools

import numpy as np
import pytest
import torch

from benchmarks.quality.reward_statistics import (
    UNBIASED,
    agreement,
    alpha_gradients,
    cosine_interval,
    mean_rewards,
    step_effects,
    summary,
    true_gradient,
)

COUNT, DEPTH = 3, 2
# Loss of each path; the candidates of the two blocks interact.
LOSSES = np.array([[3.0, 1.0, 7.0], [5.0, 5.0, 6.0], [9.0, 6.0, 13.0]])
PATHS = list(itertools.product(range(COUNT), repeat=DEPTH))


def exact_gradients():
    """Of the expected loss, by autograd through the softmax of uniform alpha."""
    alpha = torch.zeros(DEPTH, COUNT, dtype=torch.float64, requires_grad=True)
    p = alpha.softmax(-1)
    (torch.from_numpy(LOSSES) * p[0][:, None] * p[1]).sum().backward()
    return alpha.grad.numpy()


def records_of(*steps):
    """Records of steps, each the numbers of two paths; rewards are not of interest."""
    paths = np.array([[PATHS[a], PATHS[b]] for a, b in steps])
    losses = LOSSES[paths[..., 0], paths[..., 1]]
    nothing = np.zeros((len(steps), DEPTH))
    return dict(
        paths=paths,
        others=paths[:, 0],
        losses=losses,
        rewards=nothing,
        counterfactual=nothing,
    )


def test_main_effects_of_all_designs_are_the_true_gradient():
    columns = list(itertools.permutations(range(COUNT)))
    paths = np.array([np.stack(p, 1) for p in itertools.product(columns, repeat=DEPTH)])
    effects = step_effects(paths, LOSSES[paths[..., 0], paths[..., 1]])
    by_hand = LOSSES.mean(1) - LOSSES.mean()
    np.testing.assert_allclose(effects.mean(0)[0], by_hand)
    for block, exact in enumerate(exact_gradients()):
        np.testing.assert_allclose(true_gradient(effects[:, block])[0], exact)


@pytest.mark.parametrize('estimator', UNBIASED)
def test_score_functions_have_the_true_gradient_as_their_mean(estimator):
    """Over all pairs of steps, as the mean loss of the others is a part of one."""
    means = []
    pairs = list(itertools.product(range(len(PATHS)), repeat=2))
    # A path's companion on the batch runs through all paths as well.
    steps = pairs if estimator == 'paired' else [(a, 0) for a in range(len(PATHS))]
    for one, other in itertools.product(steps, repeat=2):
        gradients = alpha_gradients(records_of(one, other), COUNT)[estimator]
        means.append(gradients.mean(0))
    np.testing.assert_allclose(np.mean(means, 0), exact_gradients())


def test_gradients_of_a_step_by_hand():
    step = dict(
        paths=np.array([[[0], [2]], [[1], [1]]]),
        others=np.array([[1], [1]]),
        losses=np.array([[3.0, 1.0], [1.0, 4.0]]),
        rewards=np.array([[6.0], [-3.0]]),
        counterfactual=np.array([[2.0], [0.0]]),
    )
    found = {k: v[:, 0].tolist() for k, v in alpha_gradients(step, 3).items()}
    assert found == dict(
        paper=[pytest.approx([4, -2, -2]), pytest.approx([1, -2, 1])],
        # The loss less that of the other step: 2 and -2.
        score=[
            pytest.approx(np.array([4, -2, -2]) / 3),
            pytest.approx(np.array([2, -4, 2]) / 3),
        ],
        paired=[[1, 0, -1], [0, 0, 0]],
        counterfactual=[[1, -1, 0], [0, 0, 0]],
    )


def test_mean_rewards_by_candidate():
    means = mean_rewards(
        np.array([1.0, 3.0, 4.0, 9.0]), np.array([0, 0, 1, 2]), count=3
    )
    np.testing.assert_allclose(means, [-3, -1, 4])


def test_agreement_by_hand():
    # True gradient (1, -1) / 2 without noise; mean (1, 0), variance 4 per step.
    effects = np.tile([[1.0, -1.0]], (4, 1))
    gradients = np.array([[1.0, 2.0], [1.0, -2.0]] * 50)
    variance = 400 / 99
    found = agreement(gradients, effects, unbiased=False)
    assert found['cosine'] == pytest.approx(np.sqrt(0.5))
    assert found['ratio'] == pytest.approx(np.sqrt((1 - variance / 100) / 0.5))
    assert found['steps'] == pytest.approx(variance / 0.5)
    # Of an unbiased estimator the signal is known: the true gradient.
    found = agreement(gradients * 3, effects, unbiased=True)
    assert found['steps'] == pytest.approx(9 * variance / 0.5)
    assert agreement(-gradients, effects, unbiased=False)['steps'] is None
    # The mean is right, but with this noise it might be anything.
    noisy = gradients + 20 * np.array([[1.0, -1.0], [-1.0, 1.0]] * 50)
    found = agreement(noisy, effects, unbiased=False)
    assert found['cosine'] > 0.7 and found['steps'] is None


def test_length_of_the_true_gradient_is_cleared_of_noise():
    rng = np.random.default_rng(0)
    lengths = [
        true_gradient(2 * rng.normal([3, -3], 6, size=(100, 2)))[1] ** 2
        for _ in range(2000)
    ]
    assert np.mean(lengths) == pytest.approx(18, rel=0.02)
    assert true_gradient(np.array([[1.0, -1.0], [-1.0, 1.0]]))[1] == 0


def test_cosine_interval_narrows_where_there_is_signal():
    rng = np.random.default_rng(0)
    effects = rng.normal([1, 0, -1], 0.1, size=(200, 3))
    low, high = cosine_interval(rng.normal(effects, 0.1), effects)
    assert 0.999 < low < high < 1
    low, high = cosine_interval(rng.normal(size=(200, 3)), effects)
    assert low < 0 < high


def test_summary_of_an_estimator_that_is_right_and_one_that_is_wrong():
    rng = np.random.default_rng(0)
    paths = rng.integers(COUNT, size=(600, 2, DEPTH))
    effects = exact_gradients() * COUNT
    others = rng.integers(COUNT, size=(600, DEPTH))
    right, other = (
        np.stack([effects[i][drawn[:, i]] for i in range(DEPTH)], 1)
        for drawn in (paths[:, 0], others)
    )
    truth_paths = np.stack(
        [
            rng.permuted(np.tile(np.arange(COUNT), (600, 1)), axis=1)
            for _ in range(DEPTH)
        ],
        axis=2,
    )
    found = summary(
        dict(
            blocks=['first', 'second'],
            paths=paths,
            others=others,
            losses=LOSSES[paths[..., 0], paths[..., 1]],
            rewards=-right,
            counterfactual=right - other,
            truth_paths=truth_paths,
            truth_losses=LOSSES[truth_paths[..., 0], truth_paths[..., 1]],
        )
    )
    for i, name in enumerate(('first', 'second')):
        block = found[name]
        error = np.array(block['effects_se'])
        assert (np.abs(block['effects'] - effects[i]) < 5 * error).all()
        good, bad = (block['estimators'][e] for e in ('counterfactual', 'paper'))
        assert good['pearson'] > 0.98 and good['cosine'] > 0.95
        assert bad['pearson'] < -0.98 and bad['steps'] is None
        assert (good['spearman'], good['same_best']) == (1, True)
        assert (bad['spearman'], bad['same_best']) == (-1, False)
        assert bad['median'] == pytest.approx(np.median(np.abs(right[:, i])))
