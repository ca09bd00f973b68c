"""Pictures with a row for each block: probabilities, rewards, the child."""

import math
from typing import Dict, List, Mapping, Optional, Sequence

from .charts import WIDTH, Axis, Curve, epoch_axis, finite, thinned
from .child import Block
from .history import Run
from .svg import Canvas, shortened, width_of

SIDE = 8
LABEL, BAND, GAP = 17, 26, 8
TOP, BOTTOM = 18, 38


def probability_rows(
    probabilities: Mapping[str, Mapping[str, Curve]],
    run: Run,
    length: float,
    paints: Mapping[str, str],
) -> Canvas:
    """The distribution of each block as a band over the epochs.

    Args:
        probabilities (Mapping): By block and candidate, at the end of epochs.
        run (Run): Where they are from.
        length (float): Epochs of the axis.
        paints (Mapping[str, str]): Colour by candidate.
    """
    shown = list(dict.fromkeys(c for block in probabilities.values() for c in block))
    legend = _legend_places(shown)
    head = 20 * (1 + max(row for row, _ in legend.values()))
    canvas, x, tops = _rows(run, length, head + TOP, len(probabilities))
    for name, (k, place) in legend.items():
        canvas.rect(place, 20 * k + 3, 12, 12, paints[name])
        label = shortened(name, WIDTH - 2 * SIDE - 18)
        canvas.text(place + 18, 20 * k + 13, label)
    for y, (block, candidates) in zip(tops, probabilities.items()):
        _label(canvas, y, block, _outcome(block, candidates, run))
        _band(canvas, candidates, x, y + LABEL, paints, block)
        for stage in run.stages[1:]:
            at = x(stage.begin)
            ends = [(at, y + LABEL), (at, y + LABEL + BAND)]
            canvas.line(ends, 'ground', dash='3 3')
        if block in run.fixed_in:
            at = x(run.fixed_in[block] - 1)
            canvas.line([(at, y + LABEL - 3), (at, y + LABEL + BAND + 3)], 'ink', 2)
    return canvas


def _rows(run: Run, length: float, top: float, number: int):
    """A canvas with an axis of epochs, and the tops of its rows."""
    row = LABEL + BAND + GAP
    tops = [top + k * row for k in range(number)]
    canvas = Canvas(WIDTH, top + row * number + BOTTOM)
    unit = 'epoch' if run.by_epoch else 'iteration'
    bands = [(y + LABEL, y + LABEL + BAND) for y in tops]
    sides = (SIDE, WIDTH - SIDE)
    x = epoch_axis(canvas, length, unit, run.stages, sides, bands, top - 5)
    return canvas, x, tops


def _outcome(block: str, candidates: Mapping[str, Curve], run: Run) -> str:
    last = {name: curve.values[-1] for name, curve in candidates.items()}
    best = max(last, key=last.__getitem__)
    if block in run.fixed_in:
        return f'{best}, fixed in epoch {run.fixed_in[block]}'
    return f'{best} {last[best]:.2f}'


def _label(canvas: Canvas, y: float, left: str, right: str) -> None:
    right = shortened(right, WIDTH * 0.62)
    room = WIDTH - 2 * SIDE - width_of(right) - 10
    canvas.text(SIDE, y + 11, shortened(left, room), 'muted')
    canvas.text(WIDTH - SIDE, y + 11, right, anchor='end')


def _band(canvas: Canvas, candidates, x: Axis, y: float, paints, block: str) -> None:
    """Stacks the candidates; a column ends where its epoch does."""
    curves = list(candidates.values())
    epochs = [at for at in curves[0].at]
    begins = [max(at - 1, before) for at, before in zip(epochs, [0, *epochs])]
    floor = [0.0] * len(epochs)
    for name, curve in candidates.items():
        value_at = {at: min(max(p, 0.0), 1.0) for at, p in zip(*finite(curve))}
        ceiling = [
            low + value_at.get(at, 0.0) for low, at in zip(floor, epochs, strict=True)
        ]
        parts: List[str] = []
        for piece in _contiguous(begins, epochs):
            there = [(x(begins[k]), x(epochs[k]), ceiling[k]) for k in piece]
            back = [(x(begins[k]), x(epochs[k]), floor[k]) for k in piece[::-1]]
            parts.append(f'M{there[0][0]:.1f} {y + BAND * (1 - there[0][2]):.2f}')
            for _, end, value in there:
                parts.append(f'V{y + BAND * (1 - value):.2f}H{end:.1f}')
            for begin, _, value in back:
                parts.append(f'V{y + BAND * (1 - value):.2f}H{begin:.1f}')
            parts.append('z')
        last = f'{block}: {name}, {curve.values[-1]:.3f} in the end'
        canvas.path(''.join(parts), fill=paints[name], title=last)
        floor = ceiling


def _contiguous(begins: Sequence[float], ends: Sequence[float]) -> List[List[int]]:
    pieces: List[List[int]] = []
    for k, begin in enumerate(begins):
        if not k or begin != ends[k - 1]:
            pieces.append([])
        pieces[-1].append(k)
    return pieces


def _legend_places(names: Sequence[str]) -> Dict[str, tuple]:
    places, row, place = {}, 0, SIDE
    for name in names:
        wide = 18 + width_of(shortened(name, WIDTH - 2 * SIDE - 18)) + 16
        if place > SIDE and place + wide > WIDTH:
            row, place = row + 1, SIDE
        places[name] = (row, place)
        place += wide
    return places


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


def reward_rows(
    rewards: Mapping[str, Curve],
    run: Run,
    length: float,
    largest: Mapping[str, float],
) -> Canvas:
    """The rewards of each block over the epochs.

    Args:
        rewards (Mapping[str, Curve]): By row.
        run (Run): Where they are from.
        length (float): Epochs of the axis.
        largest (Mapping[str, float]): By row, what half of its height stands for.
    """
    canvas, x, tops = _rows(run, length, TOP, len(rewards))
    for y, (name, curve) in zip(tops, rewards.items()):
        scale = largest[name]
        size = f'mean size {mean_size(curve):.2g}, row ±{scale:.2g}'
        _label(canvas, y, name, size)
        zero = y + LABEL + BAND / 2
        canvas.line([(SIDE, zero), (WIDTH - SIDE, zero)], 'grid')
        if name in run.fixed_in:
            at = x(run.fixed_in[name] - 1)
            canvas.line([(at, y + LABEL - 2), (at, y + LABEL + BAND + 2)], 'ink', 2)
        drawn = thinned(finite(curve))
        ends = [zero - value / (scale or 1) * BAND / 2 for value in drawn.values]
        bars = ''.join(
            f'M{x(at):.1f} {zero:.1f}V{end:.2f}' for at, end in zip(drawn.at, ends)
        )
        canvas.path(bars, 'c0', width=1.5, title=name)
    return canvas


def mean_size(curve: Curve) -> float:
    """Mean absolute value of a curve, without what is not finite."""
    values = finite(curve).values
    return sum(map(abs, values)) / len(values) if values else math.nan


def child_rows(
    child: Sequence[Block],
    rest: Optional[float],
    costliest: Optional[float],
    paints: Mapping[str, str],
) -> Canvas:
    """The child from its input to its output, a block a row.

    Args:
        child (Sequence[Block]): Its blocks.
        rest (float, optional): MFLOPs of what is not searched.
        costliest (float, optional): MFLOPs that the longest bar stands for.
        paints (Mapping[str, str]): Colour by candidate.
    """
    row, radius, spine = 32, 8, 12
    canvas = Canvas(WIDTH, row * (len(child) + 2))
    right, start = WIDTH - 52, 215
    last = row * (len(child) + 1.5)
    canvas.line([(spine, row / 2), (spine, last)], 'muted', 2)
    canvas.circle(spine, row / 2, 4, 'muted')
    canvas.text(spine + 18, row / 2 + 4, 'images', 'muted')
    if costliest:
        canvas.text(WIDTH - 4, row / 2 + 4, 'MFLOPs', 'muted', anchor='end')
    for k, block in enumerate(child):
        y = row * (k + 1.5)
        paint = paints[block.candidate]
        canvas.circle(spine, y, radius, paint)
        room = start - spine - 26 if costliest else WIDTH - spine - 26
        canvas.text(spine + 18, y - 1, shortened(block.candidate, room), bold=True)
        canvas.text(spine + 18, y + 12, shortened(block.name, room, 11), 'muted', 11)
        mflops = block.costs.get('flops')
        if costliest and mflops is not None:
            wide = mflops / costliest * (right - start)
            canvas.rect(start, y - 7, max(wide, 1), 14, paint)
            canvas.text(WIDTH - 4, y + 4, f'{mflops:.3f}', anchor='end')
    canvas.circle(spine, last, 4, 'muted')
    what = 'classes' if rest is None else 'the rest (stem, head)'
    canvas.text(spine + 18, last + 4, what, 'muted')
    if costliest and rest is not None:
        canvas.rect(
            start, last - 7, max(rest / costliest * (right - start), 1), 14, 'c7'
        )
        canvas.text(WIDTH - 4, last + 4, f'{rest:.3f}', anchor='end')
    return canvas
