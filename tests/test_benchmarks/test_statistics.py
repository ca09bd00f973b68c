import itertools

import numpy as np
import pytest
from scipy import stats

from benchmarks.quality.statistics import (
    Truth,
    bootstrap_interval,
    kendall,
    mean_interval,
)

ROWS = [
    dict(child=['a', 'a'], mflops=1.0, accuracy=[70.0, 71.0]),
    dict(child=['a', 'b'], mflops=2.0, accuracy=[81.0, 79.0]),
    dict(child=['b', 'a'], mflops=2.0, accuracy=[74.0, 75.0]),
    dict(child=['b', 'b'], mflops=3.0, accuracy=[80.5, 80.5]),
]


def test_an_interval_of_a_mean_by_hand():
    found = mean_interval([1.0, 2.0, 3.0])
    # Student's 0.975 quantile for two degrees of freedom is 4.3027.
    assert found.value == 2 and found.high == pytest.approx(2 + 4.30265 / 3**0.5, 1e-5)
    assert found.low + found.high == pytest.approx(4)
    assert mean_interval([1.0]).high == float('inf')


def test_intervals_hold_what_they_say():
    """In about 95 % of many samples."""
    generator = np.random.default_rng(3)
    num, held = 400, {mean_interval: 0, 'bootstrap': 0}
    for _ in range(num):
        sample = generator.normal(1.0, 2.0, 30)
        low, high = mean_interval(sample)[1:]
        held[mean_interval] += low <= 1 <= high
        low, high = bootstrap_interval(np.mean, sample, num=200)[1:]
        held['bootstrap'] += low <= 1 <= high
    assert all(0.90 * num <= count <= 0.99 * num for count in held.values())


def test_kendalls_tau_by_counting_pairs():
    a, b = [1, 2, 3, 4, 5], [2, 1, 4, 3, 5]
    signs = [
        np.sign(a[i] - a[j]) * np.sign(b[i] - b[j])
        for i, j in itertools.combinations(range(5), 2)
    ]
    assert kendall(a, b) == pytest.approx(np.mean(signs))


def test_pairs_stay_together_in_a_bootstrap():
    x = np.arange(20.0)
    assert bootstrap_interval(kendall, x, x, num=50) == pytest.approx((1, 1, 1))


def test_the_truth_by_hand():
    truth = Truth(ROWS)
    assert truth.best(None) == 80.5 and truth.best(2.0) == 80
    assert truth.regret(['b', 'a'], None) == 6 and truth.regret(['b', 'a'], 2.0) == 5.5
    assert [truth.rank(row['child'], None) for row in ROWS] == [4, 2, 3, 1]
    assert [truth.rank(row['child'], 2.0) for row in ROWS[:3]] == [3, 1, 2]
    # Variances 0.5, 2, 0.5 and 0 of two seeds.
    assert truth.standard_error == pytest.approx((0.75 / 2) ** 0.5)
    assert [truth.is_good(row['child'], None) for row in ROWS] == [
        False,
        True,
        False,
        True,
    ]
    assert [truth.children[i] for i in truth.front()] == [
        ('a', 'a'),
        ('a', 'b'),
        ('b', 'b'),
    ]


def test_the_front_is_what_nothing_beats():
    generator = np.random.default_rng(0)
    rows = [
        dict(child=[str(i)], mflops=float(f), accuracy=[a, a])
        for i, (f, a) in enumerate(
            zip(generator.integers(9, size=60), generator.random(60))
        )
    ]
    truth = Truth(rows)
    wanted = {
        i
        for i in range(60)
        if not any(
            (
                truth.mflops[j] <= truth.mflops[i]
                and truth.accuracy[j] > truth.accuracy[i]
            )
            or (
                truth.mflops[j] < truth.mflops[i]
                and truth.accuracy[j] >= truth.accuracy[i]
            )
            for j in range(60)
        )
    }
    assert set(truth.front()) == wanted and stats.rankdata(
        truth.mflops[truth.front()]
    ).tolist() == list(range(1, len(wanted) + 1))
