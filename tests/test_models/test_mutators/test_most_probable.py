import itertools

import numpy as np
import pytest

from mmdsnas.models.mutators import most_probable_path


def space(rng, num_limits):
    """A small space: log-probabilities, costs and the numbers of candidates.

    Whole numbers, of which sums tie, or any.
    """
    sizes = rng.integers(1, 5, rng.integers(1, 6))
    log_probs = np.full((len(sizes), sizes.max()), -np.inf)
    costs = np.zeros((num_limits, *log_probs.shape))
    whole = rng.random() < 0.5
    for g, size in enumerate(sizes):
        alpha = rng.integers(-2, 3, size) if whole else rng.normal(size=size)
        log_probs[g, :size] = alpha - np.log(np.exp(alpha).sum())
        shape = (num_limits, size)
        costs[:, g, :size] = rng.integers(0, 6, shape) if whole else rng.random(shape)
    return log_probs, costs, sizes


def totals(log_probs, costs, path):
    """Score and costs of a path, added up one by one."""
    score, cost = 0.0, np.zeros(len(costs))
    for g, k in enumerate(path):
        score, cost = score + log_probs[g, k], cost + costs[:, g, k]
    return score, cost


@pytest.mark.parametrize('num_limits', [1, 2, 3])
def test_it_is_that_of_a_search_through_all_paths(num_limits):
    rng = np.random.default_rng(num_limits)
    infeasible = at_limit = 0
    for case in range(200):
        log_probs, costs, sizes = space(rng, num_limits)
        paths = list(itertools.product(*map(range, sizes)))
        every = {path: totals(log_probs, costs, path) for path in paths}
        all_costs = np.array([cost for _, cost in every.values()])
        low, high = all_costs.min(0), all_costs.max(0)
        limits = low + (high - low) * rng.uniform(-0.05, 0.9, num_limits)
        if case % 4 == 0:
            limits = all_costs[rng.integers(len(paths))]  # exactly one path's cost
        within = [score for score, cost in every.values() if (cost <= limits).all()]
        found = most_probable_path(log_probs, costs, limits)
        if not within:
            infeasible += 1
            assert found is None
            continue
        score, cost = every[tuple(found)]
        assert (cost <= limits).all()
        assert score == pytest.approx(max(within), abs=1e-12)
        at_limit += (cost == limits).any()
    assert infeasible >= 5 and at_limit >= 20


def test_the_sum_is_compared_as_it_is_rounded():
    """0.1 + 0.2 + 0.3 is more than 0.6 in this order, and 0.3 + 0.2 + 0.1 is not."""
    log_probs = np.log([[0.1, 0.9]] * 3)
    for order, path in (((0.1, 0.2, 0.3), [1, 1, 0]), ((0.3, 0.2, 0.1), [1, 1, 1])):
        costs = np.array([[[0.0, cost] for cost in order]])
        found = most_probable_path(log_probs, costs, np.array([0.6]))
        assert sum(costs[0][g][k] for g, k in enumerate(found)) <= 0.6
        assert sum(found) == sum(path)


def test_without_a_limit_in_the_way_ties_go_to_the_first():
    log_probs = np.log([[0.4, 0.4, 0.2], [0.2, 0.4, 0.4]])
    costs = np.array([[[5.0, 1.0, 1.0], [1.0, 5.0, 1.0]]])
    assert most_probable_path(log_probs, costs, np.array([10.0])) == [0, 1]
    # And with one, a candidate of the same probability costs nothing.
    assert most_probable_path(log_probs, costs, np.array([2.0])) == [1, 2]


def test_paths_that_only_the_tolerance_allows_do_not_hold_it_up():
    """Any ten of twenty cost a rounding error too much: 184,756 paths."""
    log_probs = np.log([[0.4, 0.6]] * 20)
    costs = np.array([[[0.0, 1.0]] * 20])
    found = most_probable_path(log_probs, costs, np.array([10 - 1e-12]))
    assert sum(found) == 9


def test_three_limits_that_have_nothing_to_do_with_each_other():
    """The optimum is the one that a dynamic program found in 105 s."""
    rng = np.random.default_rng(0)
    log_probs = np.log(rng.dirichlet(np.ones(8), 60))
    costs = rng.random((3, 60, 8))
    limits = 0.55 * costs.min(2).sum(1) + 0.45 * costs.mean(2).sum(1)
    score, cost = totals(log_probs, costs, most_probable_path(log_probs, costs, limits))
    assert (cost <= limits).all()
    assert score == pytest.approx(-137.21933087074737, abs=1e-9)
