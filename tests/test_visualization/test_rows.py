"""The places of what is drawn, computed by hand."""

import math
import re
from types import SimpleNamespace

import pytest

from mmdsnas.visualization.charts import WIDTH
from mmdsnas.visualization.child import Block
from mmdsnas.visualization.history import Curve, Stage
from mmdsnas.visualization.rows import (
    BAND,
    SIDE,
    child_rows,
    probability_rows,
    reward_rows,
)

PAINTS = dict(a='c0', b='c1')


def paths(canvas, name):
    """The commands of what has a colour, in the order of drawing."""
    svg = canvas.to_svg('title', 'text', 'name', alone=False)
    return re.findall(rf'<path d="([^"]*)" class="[fs]-{name}"', svg)


def corners(command):
    """The corners of a polygon of horizontal and vertical lines."""
    x, y, points = 0.0, 0.0, []
    for letter, numbers in re.findall(r'([MHV])([-\d. ]+)', command):
        values = [float(n) for n in numbers.split()]
        x, y = {'M': values, 'H': [values[0], y], 'V': [x, values[0]]}[letter]
        points.append((x, y))
    return points


def area(command):
    """By Gauss's formula."""
    points = corners(command)
    pairs = zip(points, points[1:] + points[:1])
    return abs(sum(x * w - v * y for (x, y), (v, w) in pairs)) / 2


def test_height_of_a_band_is_the_probability():
    run = SimpleNamespace(stages=[Stage('search', 0, 4)], by_epoch=True, fixed_in={})
    at = [1, 2, 4]
    a, b = Curve(at, [0.25, 0.5, 1.0]), Curve(at, [0.75, 0.5, 0.0])
    canvas = probability_rows({'block': dict(a=a, b=b)}, run, 4, PAINTS)
    epoch = (WIDTH - 2 * SIDE) / 4
    for name, curve in (('c0', a), ('c1', b)):
        # The third epoch was not logged: what is drawn begins anew after it.
        first, second, _ = paths(canvas, name)[-1].split('z')
        wanted = sum(curve.values[:2]) * epoch * BAND
        assert area(first) == pytest.approx(wanted, abs=2)
        assert area(second) == pytest.approx(curve.values[2] * epoch * BAND, abs=2)
        assert min(x for x, _ in corners(second)) == SIDE + 3 * epoch


def test_band_of_what_is_no_probability_has_no_height():
    run = SimpleNamespace(stages=[], by_epoch=True, fixed_in={})
    at = [1, 2, 3, 4]
    a = Curve(at, [math.nan, math.inf, -1e308, 0.5])
    b = Curve(at, [0.25, 7.0, 1e308, 0.5])
    canvas = probability_rows({'block': dict(a=a, b=b)}, run, 4, PAINTS)
    epoch = (WIDTH - 2 * SIDE) / 4
    for name, wanted in (('c0', 0.5), ('c1', 0.25 + 1 + 0 + 0.5)):
        drawn = paths(canvas, name)[-1]
        assert re.fullmatch(r'[MVHz\d. -]+', drawn)
        assert area(drawn) == pytest.approx(wanted * epoch * BAND, abs=2)


def test_fixed_block_has_a_line_where_its_epoch_begins():
    run = SimpleNamespace(stages=[], by_epoch=True, fixed_in={'block': 3})
    a = Curve([1, 2, 3, 4], [0.5, 0.6, 1.0, 1.0])
    canvas = probability_rows({'block': dict(a=a)}, run, 4, PAINTS)
    (line,) = paths(canvas, 'ink')
    assert line.startswith(f'M{SIDE + 2 * (WIDTH - 2 * SIDE) / 4:.1f} ')
    assert '>a, fixed in epoch 3<' in canvas.to_svg('', '', 'x', alone=False)


def test_reward_fills_the_half_of_its_row_that_its_share_says():
    run = SimpleNamespace(stages=[], by_epoch=True, fixed_in={})
    values = [1.0, -4.0, math.nan, 2.0, math.inf]
    rewards = {'block': Curve([1, 2, 3, 4, 5], values)}
    canvas = reward_rows(rewards, run, 5, dict(block=8.0))
    (bars,) = paths(canvas, 'c0')
    heights = [
        float(zero) - float(end)
        for zero, end in re.findall(r' ([\d.]+)V([\d.]+)', bars)
    ]
    assert heights == pytest.approx([v / 8 * BAND / 2 for v in (1, -4, 2)], abs=0.06)


def test_bars_are_shares_of_the_dearest():
    blocks = [
        Block('x', 'a', costs=dict(flops=1.0)),
        Block('y', 'b', costs=dict(flops=0.25)),
    ]
    canvas = child_rows(blocks, 0.5, 2.0, PAINTS)
    (_, long), (_, short) = paths(canvas, 'c0'), paths(canvas, 'c1')
    widths = [float(re.search(r'h([\d.]+)', bar)[1]) for bar in (long, short)]
    rest = float(re.search(r'h([\d.]+)', paths(canvas, 'c7')[0])[1])
    assert abs(widths[0] - 4 * widths[1]) < 0.2 and abs(widths[0] - 2 * rest) < 0.2
    # Without costs there are no bars.
    assert len(paths(child_rows([Block('x', 'a')], None, None, PAINTS), 'c0')) == 1
