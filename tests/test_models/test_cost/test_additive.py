"""Costs as sums of differences: exact where effects are, known where they are not."""

import itertools

import pytest
from scipy.stats import kendalltau

from mmdsnas.models.cost.additive import (
    by_differences,
    prediction_errors,
    reference_path,
    replaced_paths,
)

CHOICES = dict(x=['a', 'b'], y=['c'], z=['d', 'e', 'f'])
EFFECTS = dict(x=dict(a=3.0, b=1.0), y=dict(c=2.0), z=dict(d=4.0, e=7.0, f=0.5))
REST = 10.0


def amount(path):
    return REST + sum(EFFECTS[block][choice] for block, choice in path.items())


def paths():
    return [dict(zip(CHOICES, own)) for own in itertools.product(*CHOICES.values())]


def test_one_block_at_a_time_is_replaced():
    first = reference_path(CHOICES)
    assert first == dict(x='a', y='c', z='d')
    assert replaced_paths(CHOICES) == [
        first,
        {**first, 'x': 'b'},
        {**first, 'z': 'e'},
        {**first, 'z': 'f'},
    ]


def test_sums_of_independent_effects_are_exact_for_all_paths():
    blocks, rest = by_differences(CHOICES, [*map(amount, replaced_paths(CHOICES))])
    for path in paths():
        assert rest + sum(blocks[b][c] for b, c in path.items()) == amount(path)
    # The cheapest candidates cost nothing beyond what all paths have in common.
    assert [min(row.values()) for row in blocks.values()] == [0.0] * 3
    assert rest == min(map(amount, paths()))


def test_what_fuses_counts_where_it_was_measured():
    """Two candidates that save 2 together: half of the paths are known exactly."""

    def fused(path):
        return amount(path) - 2 * (path['x'] == 'a' and path['z'] == 'd')

    blocks, rest = by_differences(CHOICES, [*map(fused, replaced_paths(CHOICES))])
    for path in paths():
        found = rest + sum(blocks[b][c] for b, c in path.items())
        is_far = path['x'] != 'a' and path['z'] != 'd'
        assert found == fused(path) + 2 * is_far


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
