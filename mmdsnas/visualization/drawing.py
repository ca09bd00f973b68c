"""The figures of a report: curves over the epochs, and the child."""

import math
from typing import Any, Mapping, NamedTuple, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .found_child import Blocks
from .history import Curve, StageSpan
from .svg import COLOURS, INK, MUTED, SHADE, text_of, tip

# In units of which a text is 11 high; how wide one of its characters is.
WIDTH, HEIGHT, LEGEND, CHARACTER = 400, 230, 18, 6.6


class Line(NamedTuple):
    """A curve of a chart, in a style of matplotlib's ``Line2D``.

    ``legend`` is what the legend says once in place of several names.
    """

    name: str
    curve: Curve
    style: dict[str, Any]
    legend: str = ''


class Epochs(NamedTuple):
    """The axis that all pictures have in common: its end, unit and marked stages."""

    length: float
    unit: str
    stages: Sequence[StageSpan]

    def draw(self, below: Axes, above: Axes, height: float) -> None:
        """Draws the axis, and names of stages, where there is room, high above it."""
        below.set(xlim=(0, self.length), xlabel=self.unit)
        below.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        for name, begin, end in self.stages:
            if len(name) * CHARACTER < (end - begin) / self.length * (WIDTH - 60):
                place = (0, height), above.get_xaxis_transform(), 'offset points'
                above.annotate(f' {name}', (begin, 1), *place, color=MUTED)


def legend_columns(names: Sequence[str]) -> int:
    """How many columns a legend has room for."""
    return max(1, int(WIDTH / (36 + CHARACTER * max(map(len, names)))))


def line_chart(lines: Sequence[Line], epochs: Epochs, y_label: str) -> Figure:
    """Curves over the epochs, at least one, of at least one point."""
    names = [text_of(line.legend or line.name) for line in lines]
    columns, different = legend_columns(names), len(set(names))
    rows = math.ceil(different / columns) if different > 1 else 0
    figure = Figure((WIDTH / 72, (HEIGHT + LEGEND * rows) / 72), layout='constrained')
    axes = figure.subplots()
    epochs.draw(axes, axes, 3)
    for k, stage in enumerate(epochs.stages):
        if k % 2:
            axes.axvspan(*stage[1:], color=SHADE, linewidth=0, zorder=0)
        if k:
            axes.axvline(stage.begin, color=MUTED, lw=1, ls='--', zorder=1)
    axes.set_title(text_of(y_label), pad=18 if epochs.stages else 6)
    axes.grid(axis='y')
    entries = {}
    for name, line in zip(names, lines):
        style = dict(marker='.' if len(line.curve.at) == 1 else '') | line.style
        drawn = axes.plot(*line.curve, clip_on=False, gid=tip(line.name), **style)
        entries[name] = drawn[0]
    # Not below 0 where there is nothing below it.
    if axes.get_ylim()[0] < 0 <= min(min(line.curve.values) for line in lines):
        axes.set_ylim(bottom=0)
    if rows:
        place = dict(loc='outside lower left', ncols=columns)
        figure.legend(entries.values(), entries, **place)
    return figure


def child_rows(
    blocks: Blocks, rest: float | None, costliest: float, colours: Mapping[str, str]
) -> Figure:
    """The child from its input to its output, a block a row, with bars of MFLOPs.

    ``rest`` are those of what is not searched, ``costliest`` those of the longest bar,
    0 where there are none; ``colours`` are by candidate.
    """
    most = 28 if costliest else 50
    labels = [
        f'{text_of(block["candidate"], most)}\n{text_of(name, most)}'
        for name, block in blocks.items()
    ]
    end = 'classes' if rest is None else 'the rest (stem, head)'
    mflops = [None, *(block.get('mflops') for block in blocks.values()), rest]
    chosen = [colours[block['candidate']] for block in blocks.values()]
    last = len(blocks) + 1
    height = 32 * (last + 1) / 72
    axes = Figure((WIDTH / 72, height), layout='constrained').subplots()
    axes.set(xlim=(-0.05, 1.3), ylim=(last + 0.5, -0.5), frame_on=False)
    axes.xaxis.set_visible(False)
    axes.set_yticks(range(last + 1), ['images', *labels, end], color=INK)
    axes.plot([0, 0], [0, last], 'o-', color=MUTED, zorder=1)
    axes.scatter([0] * len(blocks), range(1, last), 200, chosen, linewidths=0)
    if costliest:
        axes.set_title('MFLOPs', loc='right')
        for y, (number, color) in enumerate(zip(mflops, [MUTED, *chosen, COLOURS[7]])):
            if number is not None:
                bar = axes.barh(y, max(number / costliest, 0.005), 0.44, color=color)
                axes.bar_label(bar, [f'{number:.3f}'], padding=8)
    return axes.figure
