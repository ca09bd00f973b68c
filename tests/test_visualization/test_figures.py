"""The places of what is drawn, and what is not drawn."""

import math
from types import SimpleNamespace

import matplotlib
import pytest

from mmdsnas.visualization.drawing import Epochs, Line, child_rows, line_chart
from mmdsnas.visualization.figures import table_of
from mmdsnas.visualization.history import Curve, StageSpan
from mmdsnas.visualization.rows import (
    alike,
    mean_size,
    probability_rows,
    reward_rows,
    steps,
)
from mmdsnas.visualization.svg import COLOURS, INK, svg_of, text_of

EPOCHS = Epochs(5, 'epoch', [StageSpan('pretrain', 0, 2), StageSpan('search', 2, 5)])
STYLE = dict(color=COLOURS[0])


def run_of(**fixed):
    return SimpleNamespace(fixed_in=fixed)


def test_long_curve_is_thinned_to_means():
    curve = Curve(list(range(1000)), [float(k % 10) for k in range(1000)])
    wanted = [10 * k + 4.5 for k in range(100)], [4.5] * 100
    assert curve.drawable(100) == wanted and curve.drawable(1000) == curve
    assert len(curve.drawable().at) <= 400


def test_what_is_not_finite_is_not_drawn():
    values = [1.0, math.nan, -3.0, math.inf, 10**400, -1e308]
    curve = Curve([1, 2, 3, 4, 5, 6], values)
    assert curve.drawable() == ([1, 3], [1, -3])
    assert mean_size(curve) == 2 and math.isnan(mean_size(Curve([1], [math.nan])))


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


def test_height_of_a_band_is_the_probability():
    """The third epoch was not logged; what is no probability has no height."""
    at = [1, 2, 4, 5]
    a = Curve(at, [0.25, 0.5, math.nan, -1e308])
    b = Curve(at, [0.75, 0.5, 7.0, 0.5])
    ends, (first, second) = steps(dict(a=a, b=b))
    nan = pytest.approx(math.nan, nan_ok=True)
    assert ends == [0, 1, 1, 2, 3, 3, 4, 4, 5]
    assert list(first) == [0.25, 0.25, 0.5, 0.5, nan, 0, 0, 0, 0]
    assert list(second) == [0.75, 0.75, 0.5, 0.5, nan, 1, 1, 0.5, 0.5]


def test_fixed_block_has_a_line_where_its_epoch_begins():
    block = dict(a=Curve([1, 2, 3, 4], [0.5, 0.6, 1.0, 1.0]))
    figure = probability_rows(dict(x=block), run_of(x=3), EPOCHS, dict(a=COLOURS[0]))
    (axes,) = figure.axes
    (line,) = [line for line in axes.lines if line.get_color() == INK]
    assert list(line.get_xdata()) == [2, 2]
    assert axes.get_title('right') == 'a, fixed in epoch 3'
    (band,) = axes.collections
    (path,) = band.get_paths()
    assert path.vertices[:, 1].max() == 1 and axes.get_ylim() == (0, 1)


def test_reward_fills_the_half_of_its_row_that_its_share_says():
    rewards = dict(x=Curve([1, 2, 3, 4, 5], [1.0, -4.0, math.nan, 2.0, math.inf]))
    (axes,) = reward_rows(rewards, run_of(), EPOCHS, dict(x=8.0)).axes
    (line,) = [line for line in axes.lines if line.get_color() == COLOURS[0]]
    assert list(line.get_xdata()[1::3]) == [1, 2, 4]
    assert list(line.get_ydata()[1::3]) == [1 / 8, -4 / 8, 2 / 8]
    assert axes.get_ylim() == (-1, 1)


def test_bars_are_shares_of_the_most_expensive():
    blocks = dict(x=dict(candidate='a', mflops=1.0), y=dict(candidate='b', mflops=0.25))
    colours = dict(a=COLOURS[0], b=COLOURS[1])
    (axes,) = child_rows(blocks, 0.5, 2.0, colours).axes
    assert [bar.get_width() for bar in axes.patches] == [0.5, 0.125, 0.25]
    # Without costs there are no bars.
    (axes,) = child_rows(dict(x=dict(candidate='a')), None, 0, colours).axes
    assert not axes.patches


def test_chart_has_stages_and_one_name_for_several_lines():
    curve = Curve([1, 2], [0.0, 5.0])
    lines = [Line(name, curve, STYLE, 'of a block') for name in 'ab']
    lines.append(Line('_c $', Curve([1], [1.0]), STYLE))
    figure = line_chart(lines, EPOCHS, 'nats')
    (axes,) = figure.axes
    assert axes.get_xlim() == (0, 5) and axes.get_ylim()[0] == 0
    (legend,) = figure.legends
    assert [text.get_text() for text in legend.texts] == ['of a block', '_c $']
    assert {text.get_text().strip() for text in axes.texts} == {'pretrain', 'search'}
    assert axes.lines[-1].get_marker() == '.'


def test_svg_is_the_same_each_time_and_changes_nothing(monkeypatch):
    """Whatever style matplotlib has before."""
    lines = [Line('<a> $x$ 日', Curve([1, 2], [3.0, 4.0]), STYLE)]
    draw = lambda: line_chart(lines, EPOCHS, 'y')  # noqa: E731
    first = svg_of(draw, 'name', 'a title', 'a\x00text')
    monkeypatch.setitem(matplotlib.rcParams, 'axes.linewidth', 9)
    before = dict(matplotlib.rcParams)
    assert svg_of(draw, 'name', 'a title', 'a\x00text') == first
    assert dict(matplotlib.rcParams) == before
    file, inline = first
    assert COLOURS[0] in file and 'var(' not in file and '<text' in file
    assert COLOURS[0] not in inline and 'var(--c0)' in inline
    assert '<style' not in file and '<metadata' not in file
    assert '<title>&lt;a&gt; $x$ 日</title>' in file and 'a\ufffdtext' in file


def test_end_of_a_long_text_stays():
    assert text_of('a\nb') == 'a\ufffdb' and text_of('block.0.1', 5) == '….0.1'
