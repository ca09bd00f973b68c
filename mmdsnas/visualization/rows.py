"""Pictures with a row for each block: probabilities and rewards."""

import math
from typing import Dict, Mapping, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .drawing import CHARACTER, LEGEND, WIDTH, Epochs
from .history import Curve, Run
from .svg import COLOURS, GRID, GROUND, INK, MUTED, text_of, tip

SIDE, ROW = 8, 50
# Parts of a row: base line of its words, top and bottom of its band.
WORDS, TOP, BOTTOM = 0.3, 0.4, 0.92


def probability_rows(
    probabilities: Mapping[str, Mapping[str, Curve]],
    run: Run,
    epochs: Epochs,
    colours: Mapping[str, str],
) -> Figure:
    """The distribution of each block as a band over the epochs.

    Args:
        probabilities (Mapping): By block and candidate, at the end of epochs.
        run (Run): Where they are from.
        epochs (Epochs): The axis.
        colours (Mapping[str, str]): Colour by candidate.
    """
    shown = list(dict.fromkeys(c for block in probabilities.values() for c in block))
    columns = max(1, int(WIDTH / (30 + CHARACTER * min(60, max(map(len, shown))))))
    words = {b: _outcome(b, of, run) for b, of in probabilities.items()}
    head = LEGEND * math.ceil(len(shown) / columns) + 6
    axes = _rows(words, run, epochs, head)
    axes.figure.legend(
        [Patch(color=colours[name]) for name in shown],
        [text_of(name) for name in shown],
        loc='upper left',
        ncols=columns,
        handlelength=1,
        borderpad=0,
    )
    for k, (block, candidates) in enumerate(probabilities.items()):
        for name, (edges, low, high) in _bands(candidates).items():
            last = candidates[name].values[-1]
            axes.stairs(
                k + BOTTOM - (BOTTOM - TOP) * high,
                edges,
                baseline=k + BOTTOM - (BOTTOM - TOP) * low,
                fill=True,
                linewidth=0,
                color=colours[name],
                gid=tip(f'{block}: {name}, {last:.3f} in the end'),
            )
    for stage in epochs.stages[1:]:
        tops = np.arange(len(words)) + TOP
        bottoms = tops + BOTTOM - TOP
        axes.vlines([stage.begin] * len(tops), tops, bottoms, GROUND, '--', linewidth=1)
    return axes.figure


def _bands(candidates: Mapping[str, Curve]) -> Dict[str, Tuple]:
    """By candidate: edges of columns, and from where to where it reaches in each.

    A column ends where its epoch does; what was not logged has none.
    """
    epochs = next(iter(candidates.values())).at
    edges, columns = [max(epochs[0] - 1, 0)], []
    for at in epochs:
        if edges[-1] < at - 1:
            edges.append(at - 1)
            columns.append(None)
        edges.append(at)
        columns.append(at)
    floor = np.array([math.nan if at is None else 0.0 for at in columns])
    bands = {}
    for name, curve in candidates.items():
        share = {at: min(max(p, 0.0), 1.0) for at, p in zip(*curve.finite())}
        ceiling = floor + [share.get(at, 0.0) for at in columns]
        bands[name] = edges, floor, ceiling
        floor = ceiling
    return bands


def _outcome(block: str, candidates: Mapping[str, Curve], run: Run) -> str:
    last = {name: curve.values[-1] for name, curve in candidates.items()}
    best = max(last, key=last.__getitem__)
    if block in run.fixed_in:
        return f'{best}, fixed in epoch {run.fixed_in[block]}'
    return f'{best} {last[best]:.2f}'


def _rows(words: Mapping[str, str], run: Run, epochs: Epochs, head: float) -> Axes:
    """A row for each block: its name, what is said of it, when it was fixed."""
    head, foot = head + LEGEND * bool(epochs.stages), 36
    height = head + ROW * len(words) + foot
    axes = Figure((WIDTH / 72, height / 72)).add_axes(
        (SIDE / WIDTH, foot / height, 1 - 2 * SIDE / WIDTH, 1 - (head + foot) / height)
    )
    epochs.draw(axes)
    axes.set_ylim(len(words), 0)
    axes.yaxis.set_visible(False)
    for k, (block, told) in enumerate(words.items()):
        told = text_of(told, 38)
        axes.text(epochs.length, k + WORDS, told, horizontalalignment='right')
        axes.text(0, k + WORDS, text_of(block, 54 - len(told)), color=MUTED)
        if block in run.fixed_in:
            at = run.fixed_in[block] - 1
            ends = k + TOP - 0.05, k + BOTTOM + 0.05
            axes.plot([at, at], ends, color=INK, clip_on=False, zorder=4)
    return axes


def alike(rewards: Mapping[str, Curve]) -> Dict[str, Curve]:
    """Rewards, in one row if those of all blocks are the same.

    Some estimators weigh a path as a whole: then its blocks have one reward, up to
    where each is fixed.

    Args:
        rewards (Mapping[str, Curve]): By block.
    """
    together: Dict[float, float] = {}
    for curve in rewards.values():
        for at, value in zip(*curve):
            if together.setdefault(at, value) != value:
                return dict(rewards)
    if len(rewards) < 2:
        return dict(rewards)
    points = sorted(together.items())
    return {'all blocks still searched': Curve(*map(list, zip(*points)))}


def mean_size(curve: Curve) -> float:
    """Mean absolute value of a curve, without what is not finite."""
    values = curve.finite().values
    return sum(map(abs, values)) / len(values) if values else math.nan


def reward_rows(
    rewards: Mapping[str, Curve],
    run: Run,
    epochs: Epochs,
    largest: Mapping[str, float],
) -> Figure:
    """The rewards of each block over the epochs.

    Args:
        rewards (Mapping[str, Curve]): By row.
        run (Run): Where they are from.
        epochs (Epochs): The axis.
        largest (Mapping[str, float]): By row, what half of its height stands for.
    """
    words = {
        name: f'mean size {mean_size(curve):.2g}, row ±{largest[name]:.2g}'
        for name, curve in rewards.items()
    }
    axes = _rows(words, run, epochs, 0)
    zero, half = (TOP + BOTTOM) / 2, (BOTTOM - TOP) / 2
    for k, (name, curve) in enumerate(rewards.items()):
        axes.axhline(k + zero, color=GRID, linewidth=1)
        at, values = map(np.asarray, curve.drawable())
        nothing = np.full(len(at), math.nan)
        ends = k + zero - half * values / (largest[name] or 1)
        # One line with gaps, not one for each reward.
        axes.plot(
            np.stack([at, at, nothing], 1).ravel(),
            np.stack([np.full(len(at), k + zero), ends, nothing], 1).ravel(),
            color=COLOURS[0],
            linewidth=1.5,
            gid=tip(name),
        )
    return axes.figure
