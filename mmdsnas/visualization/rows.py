"""Pictures with a row for each block: probabilities and rewards."""

import math
from typing import Dict, Mapping, Tuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .drawing import LEGEND, WIDTH, Epochs, legend_columns
from .history import Curve, Run
from .svg import COLOURS, GRID, GROUND, INK, MUTED, text_of, tip

SIDE, ROW = 8, 50
# Parts of a row: base line of its words, top, middle and bottom of its band.
WORDS, TOP, ZERO, BOTTOM = 0.3, 0.4, 0.66, 0.92


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
    shown = dict.fromkeys(c for block in probabilities.values() for c in block)
    names = list(map(text_of, shown))
    columns = legend_columns(names)
    words = {block: _outcome(block, of, run) for block, of in probabilities.items()}
    head = LEGEND * math.ceil(len(names) / columns) + 6
    axes = _rows(words, run, epochs, head, GROUND)
    patches = [Patch(color=colours[name]) for name in shown]
    axes.figure.legend(patches, names, loc='upper left', ncols=columns, handlelength=1)
    for k, (block, candidates) in enumerate(probabilities.items()):
        for name, (edges, low, high) in bands(candidates).items():
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
    return axes.figure


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
    axes = _rows(words, run, epochs, 0, MUTED)
    for k, (name, curve) in enumerate(rewards.items()):
        axes.axhline(k + ZERO, color=GRID, linewidth=1)
        at, values = map(np.array, curve.drawable())
        zero, gap = np.full(len(at), k + ZERO), np.full(len(at), math.nan)
        ends = zero - (ZERO - TOP) * values / (largest[name] or 1)
        # One line with gaps, not one for each reward.
        axes.plot(
            np.stack([at, at, gap], 1).ravel(),
            np.stack([zero, ends, gap], 1).ravel(),
            color=COLOURS[0],
            linewidth=1.5,
            gid=tip(name),
        )
    return axes.figure


def bands(candidates: Mapping[str, Curve]) -> Dict[str, Tuple]:
    """By candidate: edges of columns, and from where to where it reaches in each.

    A column ends where its epoch does; what was not logged has none.
    """
    epochs = next(iter(candidates.values())).at
    edges, columns = [max(epochs[0] - 1, 0)], []
    for at in epochs:
        if edges[-1] < at - 1:
            edges.append(at - 1)
            columns.append(math.nan)
        edges.append(at)
        columns.append(at)
    floor = 0 * np.array(columns)
    found = {}
    for name, curve in candidates.items():
        share = dict(zip(*curve.finite()))
        ceiling = floor + np.clip([share.get(at, 0) for at in columns], 0, 1)
        found[name] = edges, floor, ceiling
        floor = ceiling
    return found


def alike(rewards: Mapping[str, Curve]) -> Dict[str, Curve]:
    """Rewards by block, in one row if those of all blocks are the same.

    Some estimators weigh a path as a whole: then its blocks have one reward, up to
    where each is fixed.
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


def _outcome(block: str, candidates: Mapping[str, Curve], run: Run) -> str:
    last = {name: curve.values[-1] for name, curve in candidates.items()}
    best = max(last, key=last.__getitem__)
    if block in run.fixed_in:
        return f'{best}, fixed in epoch {run.fixed_in[block]}'
    return f'{best} {last[best]:.2f}'


def _rows(
    words: Mapping[str, str], run: Run, epochs: Epochs, head: float, stages: str
) -> Axes:
    """A row for each block: its name, what is said of it, when it was fixed."""
    head, foot = head + LEGEND * bool(epochs.stages), 36
    height = head + ROW * len(words) + foot
    axes = Figure((WIDTH / 72, height / 72)).add_axes(
        (SIDE / WIDTH, foot / height, 1 - 2 * SIDE / WIDTH, 1 - (head + foot) / height)
    )
    epochs.draw(axes, shaded=False)
    axes.set_ylim(len(words), 0)
    axes.yaxis.set_visible(False)
    for k, (block, told) in enumerate(words.items()):
        told = text_of(told, 38)
        axes.text(epochs.length, k + WORDS, told, horizontalalignment='right')
        axes.text(0, k + WORDS, text_of(block, 54 - len(told)), color=MUTED)
        for stage in epochs.stages[1:]:
            ends = [k + TOP, k + BOTTOM]
            axes.plot([stage.begin] * 2, ends, '--', color=stages, lw=1, zorder=3)
        if block in run.fixed_in:
            at, ends = run.fixed_in[block] - 1, [k + TOP - 0.05, k + BOTTOM + 0.05]
            axes.plot([at, at], ends, color=INK, clip_on=False, zorder=4)
    return axes
