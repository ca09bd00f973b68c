"""The figure of several limits: what networks cost, and what they are worth."""

from typing import Any, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator

from .drawing import HEIGHT, WIDTH
from .predictions import Competitor, FrontRow
from .svg import COLOURS, INK, text_of, tip

# What the choice of a child calls a network that nobody made by hand.
PROBABLE = 'probable'
CHILD, OBVIOUS, MEASURED = COLOURS[0], COLOURS[1], COLOURS[7]


def front_chart(children: Sequence[FrontRow], measured: Sequence[Competitor]) -> Figure:
    """Accuracy over MFLOPs; below it what untrained outputs lose, where that is known.

    Args:
        children (Sequence[FrontRow]): With an accuracy, and their MFLOPs.
        measured (Sequence[Competitor]): All that competed for being a child.
    """
    rows = 2 if measured else 1
    figure = Figure((WIDTH / 72, rows * HEIGHT / 72), layout='constrained')
    panels = figure.subplots(rows, sharex=True, squeeze=False)[:, 0]
    _accuracies(panels[0], children)
    if measured:
        _distances(panels[1], children, measured)
    panels[-1].set(xscale='log', xlabel='MFLOPs')
    for axis in (panels[-1].xaxis, *(axes.yaxis for axes in panels[1:])):
        # A decade may be wider than the panel.
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter('{x:g}')
        axis.set_minor_locator(NullLocator())
    figure.legend(*_entries(panels), loc='outside lower left', ncols=3)
    return figure


def _accuracies(axes: Axes, children: Sequence[FrontRow]) -> None:
    axes.set_title('accuracy, %')
    axes.margins(x=0.15, y=0.15)
    axes.grid(axis='y')
    for row in children:
        below, above = row.lower or row.accuracy, row.upper or row.accuracy
        bars = [[row.accuracy - below], [above - row.accuracy]]
        told = f'{row.limit}: {row.accuracy:.2f} %, {row.mflops:.4g} MFLOPs'
        axes.errorbar(row.mflops, row.accuracy, bars, fmt='none', ecolor=CHILD, lw=1)
        _points(axes, [(row.mflops, row.accuracy)], CHILD, 'children', 40, told)
        place = dict(xytext=(6, 4), textcoords='offset points')
        axes.annotate(
            text_of(row.limit), (row.mflops, row.accuracy), **place, color=INK
        )


def _distances(
    axes: Axes, children: Sequence[FrontRow], measured: Sequence[Competitor]
) -> None:
    axes.set_title('loss of the outputs before any training, nats')
    axes.set_yscale('log')
    axes.grid(axis='y')
    # The table of those that competed has fewer digits, and the path by group.
    found = {(f'{row.mflops:.4f}', row.input_size) for row in children}
    parts = {
        (MEASURED, 'by their scores', 10): [
            n for n in measured if n.network == PROBABLE
        ],
        (OBVIOUS, 'made by hand', 24): [n for n in measured if n.network != PROBABLE],
        (CHILD, 'children', 40): [
            n for n in measured if (f'{n.mflops:.4f}', n.input_size) in found
        ],
    }
    for (colour, name, size), networks in parts.items():
        for n in networks:
            told = f'{n.network} at {n.input_size} pixels: {n.distance:.4g}'
            _points(axes, [(n.mflops, n.distance)], colour, name, size, told)


def _points(
    axes: Axes, places: Any, colour: str, name: str, size: int, told: str
) -> None:
    drawn = axes.scatter(*zip(*places), size, colour, linewidths=0, label=name)
    drawn.set_gid(tip(told))


def _entries(panels: Sequence[Axes]) -> tuple[list[Any], list[str]]:
    """A line of the legend for each kind of network."""
    found: dict[str, Any] = {}
    for axes in panels:
        for handle, name in zip(*axes.get_legend_handles_labels()):
            found.setdefault(name, handle)
    return list(found.values()), list(found)
