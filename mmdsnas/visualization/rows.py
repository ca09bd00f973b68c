"""Pictures with a row for each block: probabilities and rewards."""

import math
from typing import Mapping

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from .drawing import LEGEND, WIDTH, Epochs, legend_columns
from .history import Curve, Run
from .svg import COLOURS, GRID, GROUND, INK, MUTED, text_of, tip

# Heights of a row's words and of what is drawn below them; free at the sides, at the
# foot of all.
WORDS, BAND, SIDE, FOOT = 24, 26, 8, 36


def probability_rows(
    probabilities: Mapping[str, Mapping[str, Curve]],
    run: Run,
    epochs: Epochs,
    colours: Mapping[str, str],
) -> Figure:
    """The distribution of each block, with a colour for each candidate."""
    shown = dict.fromkeys(c for block in probabilities.values() for c in block)
    names = list(map(text_of, shown))
    columns = legend_columns(names)
    words = {block: _outcome(block, of, run) for block, of in probabilities.items()}
    head = LEGEND * math.ceil(len(names) / columns) + 6
    rows = _rows(words, run, epochs, head, GROUND)
    patches = [Patch(color=colours[name]) for name in shown]
    place = dict(loc='upper left', ncols=columns, handlelength=1)
    rows[0].figure.legend(patches, names, **place)
    for axes, (block, candidates) in zip(rows, probabilities.items()):
        axes.set_ylim(0, 1)
        own = [colours[name] for name in candidates]
        bands = axes.stackplot(*steps(candidates), colors=own, linewidth=0)
        for band, (name, curve) in zip(bands, candidates.items()):
            band.set_gid(tip(f'{block}: {name}, {curve.values[-1]:.3f} in the end'))
    return rows[0].figure


def reward_rows(
    rewards: Mapping[str, Curve],
    run: Run,
    epochs: Epochs,
    largest: Mapping[str, float],
) -> Figure:
    """The rewards of each row; half of its height stands for the largest one."""
    words = {
        name: f'mean size {mean_size(curve):.2g}, row ±{largest[name]:.2g}'
        for name, curve in rewards.items()
    }
    rows = _rows(words, run, epochs, 0, MUTED)
    for axes, (name, curve) in zip(rows, rewards.items()):
        axes.set_ylim(-1, 1)
        axes.axhline(0, color=GRID, linewidth=1)
        at, values = map(np.array, curve.drawable())
        # One line with gaps, not one for each reward.
        ends = np.outer(values / (largest[name] or 1), [0, 1, math.nan]).ravel()
        style = dict(color=COLOURS[0], linewidth=1.5, gid=tip(name))
        axes.plot(np.repeat(at, 3), ends, **style)
    return axes.figure


def steps(candidates: Mapping[str, Curve]) -> tuple[list[float], np.ndarray]:
    """Both ends of each column, and the candidates' probabilities at them.

    A column ends where its epoch does; what was not logged has none.
    """
    epochs = next(iter(candidates.values())).at
    columns, before = [], max(epochs[0] - 1, 0)
    for at in epochs:
        gap = [(at - 1, math.nan)] if before < at - 1 else []
        columns += [*gap, (max(at - 1, before), at), (at, at)]
        before = at
    known = [dict(zip(*curve.finite())) for curve in candidates.values()]
    shares = [
        [math.nan if math.isnan(at) else share.get(at, 0) for _, at in columns]
        for share in known
    ]
    return [end for end, _ in columns], np.clip(shares, 0, 1)


def alike(rewards: Mapping[str, Curve]) -> dict[str, Curve]:
    """Rewards by block, in one row if those of all blocks are the same.

    Some estimators weigh a path as a whole: then its blocks have one reward, up to
    where each is fixed.
    """
    points = [point for curve in rewards.values() for point in zip(*curve)]
    value = dict(points)
    if len(rewards) < 2 or any(value[at] != other for at, other in points):
        return dict(rewards)
    at = sorted(value)
    return {'all blocks still searched': Curve(at, [value[n] for n in at])}


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
) -> list[Axes]:
    """A row for each block: its name, what is said of it, when it was fixed."""
    head += WORDS + LEGEND * bool(epochs.stages)
    height = head + BAND + (WORDS + BAND) * (len(words) - 1) + FOOT
    sides = dict(left=SIDE / WIDTH, right=1 - SIDE / WIDTH, hspace=WORDS / BAND)
    grid = dict(sides, bottom=FOOT / height, top=1 - head / height)
    figure = Figure((WIDTH / 72, height / 72))
    rows = figure.subplots(len(words), sharex=True, squeeze=False, gridspec_kw=grid)
    rows = list(rows[:, 0])
    epochs.draw(rows[-1], rows[0], WORDS)
    for axes, (block, told) in zip(rows, words.items()):
        axes.yaxis.set_visible(False)
        told = text_of(told, 38)
        axes.set_title(told, loc='right', color=INK)
        axes.set_title(text_of(block, 54 - len(told)))
        for stage in epochs.stages[1:]:
            axes.axvline(stage.begin, color=stages, ls='--', lw=1, zorder=3)
        if block in run.fixed_in:
            at, ends = run.fixed_in[block] - 1, dict(ymin=-0.1, ymax=1.1)
            axes.axvline(at, **ends, color=INK, clip_on=False, zorder=4)
    return rows
