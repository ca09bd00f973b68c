"""The figures of a report: curves over the epochs, and the child."""

import math
from typing import List, Mapping, NamedTuple, Optional, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from .child import Block
from .history import Curve, Stage
from .svg import COLOURS, MUTED, SHADE, text_of, tip

# In units of which a text is 11 high; how wide one of its characters is.
WIDTH, HEIGHT, LEGEND, CHARACTER = 400, 230, 18, 6.6


class Line(NamedTuple):
    """A curve of a chart.

    Attributes:
        name (str): What it is.
        curve (Curve): Its points.
        color (str): Its colour.
        linewidth (float): 0 draws points.
        linestyle (str): As matplotlib has it.
        alpha (float): Below 1 what is behind shows through.
        legend (str): What the legend says once in place of several names.
    """

    name: str
    curve: Curve
    color: str
    linewidth: float = 2
    linestyle: str = '-'
    alpha: float = 1
    legend: str = ''


class Epochs(NamedTuple):
    """The axis that all pictures of a report have in common.

    Attributes:
        length (float): Its end.
        unit (str): What it counts.
        stages (Sequence[Stage]): To be marked.
    """

    length: float
    unit: str
    stages: Sequence[Stage]

    def draw(self, axes: Axes, shaded: bool = True) -> None:
        """Draws the axis, names of the stages, and these behind what is to come."""
        axes.set(xlim=(0, self.length), xlabel=self.unit)
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True))
        above = axes.get_xaxis_transform()
        for k, (name, begin, end) in enumerate(self.stages):
            if shaded and k % 2:
                axes.axvspan(begin, end, color=SHADE, linewidth=0, zorder=0)
            if shaded and k:
                axes.axvline(begin, color=MUTED, linewidth=1, linestyle='--', zorder=1)
            if len(name) * CHARACTER < (end - begin) / self.length * (WIDTH - 60):
                axes.annotate(
                    f' {name}', (begin, 1), (0, 3), above, 'offset points', color=MUTED
                )


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
    epochs.draw(axes)
    axes.set_title(text_of(y_label), pad=18 if epochs.stages else 6)
    axes.grid(axis='y')
    drawn = [
        axes.plot(
            *line.curve,
            color=line.color,
            linewidth=line.linewidth,
            linestyle=line.linestyle,
            alpha=line.alpha,
            marker='.' if len(line.curve.at) == 1 or not line.linewidth else '',
            clip_on=False,
            gid=tip(line.name),
        )[0]
        for line in lines
    ]
    # Not below 0 where there is nothing below it.
    if axes.get_ylim()[0] < 0 <= min(min(line.curve.values) for line in lines):
        axes.set_ylim(bottom=0)
    if rows:
        entries = dict(zip(names, drawn))
        figure.legend(
            entries.values(), entries, loc='outside lower left', ncols=columns
        )
    return figure


def child_rows(
    child: Sequence[Block],
    rest: Optional[float],
    costliest: float,
    colours: Mapping[str, str],
) -> Figure:
    """The child from its input to its output, a block a row.

    Args:
        child (Sequence[Block]): Its blocks.
        rest (float, optional): MFLOPs of what is not searched.
        costliest (float): MFLOPs that the longest bar stands for; 0 draws none.
        colours (Mapping[str, str]): Colour by candidate.
    """
    row, spine, start, end = 32, 12, 215, WIDTH - 52
    height = row * (len(child) + 2)
    axes = Figure((WIDTH / 72, height / 72)).add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, WIDTH), ylim=(height, 0))
    axes.set_axis_off()
    last = row * (len(child) + 1.5)
    axes.plot([spine, spine], [row / 2, last], 'o-', color=MUTED, zorder=1)
    what = 'classes' if rest is None else 'the rest (stem, head)'
    axes.text(spine + 18, row / 2 + 4, 'images', color=MUTED)
    axes.text(spine + 18, last + 4, what, color=MUTED)
    bars: List[tuple] = [(last, rest, COLOURS[7])]
    room = 28 if costliest else 50
    for k, block in enumerate(child):
        y, color = row * (k + 1.5), colours[block.candidate]
        axes.scatter(spine, y, 200, color, linewidths=0)
        candidate, name = text_of(block.candidate, room - 3), text_of(block.name, room)
        axes.text(spine + 18, y - 1, candidate, fontweight='bold')
        axes.text(spine + 18, y + 12, name, color=MUTED)
        bars.append((y, block.numbers.get('mflops'), color))
    if costliest:
        axes.text(WIDTH - 4, row / 2 + 4, 'MFLOPs', color=MUTED, ha='right')
        for y, mflops, color in bars:
            if mflops is not None:
                wide = max(mflops / costliest * (end - start), 1)
                axes.barh(y, wide, 14, start, color=color)
                axes.text(WIDTH - 4, y + 4, f'{mflops:.3f}', ha='right')
    return axes.figure
