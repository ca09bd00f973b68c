"""Costs as sums of differences: exact where effects are, known where they are not."""

import itertools
from collections import Counter

import numpy as np
import pytest
from scipy.stats import kendalltau

from mmdsnas.models.cost.additive import (
    chosen_paths,
    fit_sum,
    num_effects,
    prediction_errors,
)
from mmdsnas.models.cost.search_space import random_paths

CHOICES = dict(x=['a', 'b'], y=['c'], z=['d', 'e', 'f'])
EFFECTS = dict(x=dict(a=3.0, b=1.0), y=dict(c=2.0), z=dict(d=4.0, e=7.0, f=0.5))
REST = 10.0
LARGE = {f'{k}': ['a', 'b', 'c', 'd'] for k in range(6)}


def amount(path):
    return REST + sum(EFFECTS[block][choice] for block, choice in path.items())


def paths():
    return [dict(zip(CHOICES, own)) for own in itertools.product(*CHOICES.values())]


def predicted(found, path):
    blocks, rest = found
    return rest + sum(blocks[b][c] for b, c in path.items())


@pytest.mark.parametrize('number', [1, 7, 12, 30])
def test_each_candidate_is_equally_often(number):
    found = chosen_paths(LARGE, number)
    assert len(found) == number and found == chosen_paths(LARGE, number)
    for block, own in LARGE.items():
        times = Counter(path[block] for path in found)
        assert max(times.values()) - min(times[c] for c in own) <= 1


def test_few_networks_know_all_effects():
    """As many as there are effects, of a space of 36 paths."""
    small = {f'{k}': [*'abc'[: 2 + k % 2]] for k in range(4)}
    tried = chosen_paths(small, num_effects(small))
    rows = [[1.0, *(p[b] == c for b in small for c in small[b][1:])] for p in tried]
    assert np.linalg.matrix_rank(np.array(rows)) == num_effects(small) == 7


def test_all_paths_of_a_small_space():
    for number in (6, 50):
        assert chosen_paths(CHOICES, number) == paths()


def test_sums_of_independent_effects_are_exact_for_all_paths():
    assert num_effects(CHOICES) == 1 + 1 + 0 + 2
    tried = chosen_paths(CHOICES, 5)
    found = fit_sum(CHOICES, tried, [*map(amount, tried)])
    for path in paths():
        assert predicted(found, path) == pytest.approx(amount(path), rel=1e-9)
    # The cheapest candidates cost nothing beyond what all paths have in common.
    assert [min(row.values()) for row in found[0].values()] == [0.0] * 3
    assert found[1] == pytest.approx(min(map(amount, paths())))


def test_what_was_interrupted_counts_for_little():
    """One in ten takes three times as long; least squares alone would follow them."""
    draw = np.random.default_rng(0)
    effects = {b: dict(zip(own, draw.uniform(0, 1, 4))) for b, own in LARGE.items()}

    def costs(path):
        return 2 + sum(effects[b][c] for b, c in path.items())

    tried = chosen_paths(LARGE, 60)
    measured = [costs(p) * (3 if k % 10 == 3 else 1) for k, p in enumerate(tried)]
    found = fit_sum(LARGE, tried, measured)
    others = random_paths(LARGE, 40, 1)
    errors = prediction_errors(
        [*map(costs, others)], [predicted(found, path) for path in others]
    )
    assert errors.largest < 2 and errors.tau > 0.95


def test_what_fuses_is_an_average():
    """Two candidates that save 2 together: no path is further off than that."""

    def fused(path):
        return amount(path) - 2 * (path['x'] == 'a' and path['z'] == 'd')

    tried = chosen_paths(CHOICES, 60)
    found = fit_sum(CHOICES, tried, [*map(fused, tried)])
    far = [predicted(found, path) - fused(path) for path in paths()]
    assert max(map(abs, far)) <= 2 and not all(abs(f) < 0.1 for f in far)


def test_a_fit_without_errors_ends():
    assert fit_sum(dict(a=['x']), [dict(a='x')], [2.0]) == (dict(a=dict(x=0.0)), 2.0)


def test_of_few_networks_there_is_an_answer():
    tried = chosen_paths(CHOICES, 2)
    found = fit_sum(CHOICES, tried, [*map(amount, tried)])
    for path in tried:
        assert predicted(found, path) == pytest.approx(amount(path))


def test_errors_of_predictions():
    measured, predicted = [1.0, 2.0, 4.0, 8.0], [1.1, 1.0, 4.0, 10.0]
    found = prediction_errors(measured, predicted)
    # By hand: 10, 50, 0 and 25 %.
    wanted = dict(median=17.5, largest=50.0, mean=21.25)
    assert {n: getattr(found, n) for n in wanted} == pytest.approx(wanted)
    assert (
        found.tau == kendalltau(measured, predicted).statistic == pytest.approx(2 / 3)
    )


def test_equal_values_have_no_order():
    assert prediction_errors([1.0], [2.0]).tau is None
    assert prediction_errors([1.0, 1.0], [1.0, 2.0]).tau is None
