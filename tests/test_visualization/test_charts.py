import math

import pytest

from mmdsnas.visualization.charts import MAX_POINTS, Axis, finite, thinned, ticks
from mmdsnas.visualization.history import Curve
from mmdsnas.visualization.pictures import apart, table_of
from mmdsnas.visualization.rows import alike, mean_size


@pytest.mark.parametrize(
    'low, high, wanted',
    [
        (0, 10, [0, 2, 4, 6, 8, 10]),
        (0, 45, [0, 10, 20, 30, 40]),
        (2.55, 3.45, [2.6, 2.8, 3.0, 3.2, 3.4]),
        (-1, 1, [-1, -0.5, 0, 0.5, 1]),
        (0.0011, 0.0019, [0.0012, 0.0014, 0.0016, 0.0018]),
        (3, 3, [3]),
        # Differences that are infinite, or too small for a float.
        (-1e308, 1e308, [-1e308]),
        (0, 5e-324, [0]),
        (0, 3e-323, [0]),
    ],
)
def test_ticks_are_round(low, high, wanted):
    assert ticks(low, high) == pytest.approx(wanted)


def test_axis():
    axis = Axis(10, 20, 100, 0)
    assert [axis(10), axis(15), axis(20)] == [100, 50, 0]


def test_long_curve_is_thinned_to_means():
    curve = Curve(list(range(1000)), [float(k % 10) for k in range(1000)])
    short = thinned(curve, 100)
    assert short == ([10 * k + 4.5 for k in range(100)], [4.5] * 100)
    assert len(thinned(curve).at) <= MAX_POINTS
    assert thinned(curve, 1000) is curve


def test_what_is_not_finite_is_not_drawn():
    values = [1.0, math.nan, -3.0, math.inf, 10**400, -1e308]
    curve = Curve([1, 2, 3, 4, 5, 6], values)
    assert finite(curve) == ([1, 3], [1, -3])
    assert mean_size(curve) == 2
    assert math.isnan(mean_size(Curve([1], [math.nan])))


def test_table_has_a_row_for_each_moment():
    curves = [Curve([1, 2], [10, 20]), Curve([1.5, 2], [15, 21])]
    assert table_of(curves) == [[1, 10, None], [1.5, None, 15], [2, 20, 21]]


def test_rewards_that_are_one_stand_in_one_row():
    """Up to where a block is fixed; a single difference keeps all rows."""
    early, late = Curve([1, 2], [5, -6]), Curve([1, 2, 3], [5, -6, 7])
    assert list(alike(dict(a=early, b=late)).values()) == [late]
    other = Curve([1, 2, 3], [5, -6.5, 7])
    assert alike(dict(a=early, b=other)) == dict(a=early, b=other)
    assert alike(dict(a=early)) == dict(a=early) and alike({}) == {}


def test_names_of_files_are_apart():
    assert apart(['a', 'b', 'a', 'a-2', 'a']) == ['a', 'b', 'a-2', 'a-2-2', 'a-3']
