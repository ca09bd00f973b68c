"""Pictures of the quality benchmark, as SVG files."""

from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmdsnas.utils.files import write_atomically
from .statistics import Truth

# The same file for the same numbers.
matplotlib.rcParams['svg.hashsalt'] = 'mmdsnas'
COLOURS = dict(
    additive='#e7298a', dsnas='#d95f02', paired='#1b9e77', counterfactual='#7570b3'
)
OTHER = '#666666'


def save(figure: Figure, file: Path) -> None:
    """Writes an SVG file whose text is text."""
    with matplotlib.rc_context({'svg.fonttype': 'none'}):
        with write_atomically(file) as temporary:
            figure.savefig(temporary, format='svg', metadata={'Date': None})


def draw_front(whole: Truth, searches: list[dict[str, Any]], file: Path) -> None:
    """Returned children over the truth's scatter.

    Args:
        whole (Truth): Every child of the space.
        searches (list[dict]): Results of searches.
        file (Path): Where to.
    """
    figure = Figure(figsize=(7.5, 4.5), layout='constrained')
    axes = figure.add_subplot()
    axes.scatter(
        whole.mflops,
        whole.accuracy,
        s=14,
        color='#bbbbbb',
        label='every child, from scratch',
    )
    front = whole.front()
    axes.step(
        whole.mflops[front],
        whole.accuracy[front],
        where='post',
        color='black',
        linewidth=1,
        label='Pareto front',
    )
    swept = {
        s['limit']
        for s in searches
        if s['limit'] is not None and s['method'] == 'dsnas'
    }
    for method, colour in COLOURS.items():
        runs = [
            s
            for s in searches
            if s['method'] == method and s['limit'] in swept and s['variant'] == 'plain'
        ]
        if len({run['limit'] for run in runs}) < len(swept):
            continue
        axes.scatter(
            [run['mflops'] for run in runs],
            [run['accuracy'] for run in runs],
            s=26,
            color=colour,
            marker='x',
            label=f'{method}: child as the run leaves it',
        )
    for limit in sorted(swept):
        axes.axvline(limit, color='#dddddd', linewidth=0.8, zorder=0)
        axes.annotate(
            f'{limit:g}',
            (limit, 1),
            xycoords=('data', 'axes fraction'),
            ha='center',
            va='bottom',
            fontsize='small',
            color='#888888',
        )
    axes.set(xlabel='MFLOPs of the child', ylabel='accuracy, %')
    axes.legend(frameon=False, loc='lower right')
    save(figure, file)


def draw_expected(searches: list[dict[str, Any]], file: Path) -> None:
    """Expected cost against the limit, epoch by epoch.

    Args:
        searches (list[dict]): Results of searches.
        file (Path): Where to.
    """
    limits = sorted({s['limit'] for s in searches if s['limit'] is not None})
    figure = Figure(figsize=(7.5, 3.2), layout='constrained')
    panels = figure.subplots(1, len(limits), sharey=True, squeeze=False)[0]
    for axes, limit in zip(panels, limits):
        for search in searches:
            if search['limit'] != limit or search['variant'] != 'plain':
                continue
            curve = [value / limit for value in search['expected_mflops']]
            colour = COLOURS.get(search['method'], OTHER)
            axes.plot(range(1, len(curve) + 1), curve, color=colour, linewidth=0.8)
        axes.axhline(1.02, color='black', linewidth=0.8, linestyle=':')
        axes.axhline(1, color='black', linewidth=0.8)
        axes.set_title(f'{limit:g} MFLOPs', fontsize='medium')
    panels[0].set_ylabel('expected cost / limit')
    figure.supxlabel('epoch of the search stage', fontsize='medium')
    named = {**COLOURS, 'others': OTHER}
    lines = [Line2D([], [], color=colour) for colour in named.values()]
    figure.legend(lines, named, loc='outside upper center', ncols=4, frameon=False)
    save(figure, file)
