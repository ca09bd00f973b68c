"""Charts of curves over the epochs."""

import math
import sys
from typing import List, NamedTuple, Optional, Sequence, Tuple

from mmdsnas.utils.options import LARGEST
from .history import Curve, Stage
from .svg import Canvas, shortened, width_of

WIDTH, HEIGHT = 400, 250
LEFT, RIGHT, TOP, BOTTOM = 46, 10, 24, 40
# Of a curve; more cannot be told apart.
MAX_POINTS = 400


class Line(NamedTuple):
    """A curve of a chart.

    Attributes:
        name (str): For the legend; the same one twice stands there once.
        curve (Curve): Its points.
        paint (str): Name of its colour.
        width (float): Of the line; 0 draws points.
        dash (str, optional): Lengths of dashes and gaps.
        opacity (float, optional): Below 1 what is behind shows through.
    """

    name: str
    curve: Curve
    paint: str
    width: float = 2
    dash: Optional[str] = None
    opacity: Optional[float] = None


def thinned(curve: Curve, most: int = MAX_POINTS) -> Curve:
    """A curve of not too many points: means of neighbours, as many in each."""
    step = math.ceil(len(curve.at) / most)
    if step <= 1:
        return curve
    parts = [slice(k, k + step) for k in range(0, len(curve.at), step)]
    return Curve(*([_mean(column[part]) for part in parts] for column in curve))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def finite(curve: Curve) -> Curve:
    """A curve without points that are infinite, in float32, or no number."""
    points = [p for p in zip(*curve) if abs(p[1]) <= LARGEST]
    return Curve([at for at, _ in points], [value for _, value in points])


def ticks(low: float, high: float, most: int = 6) -> List[float]:
    """Round numbers between two numbers.

    Args:
        low (float): The smaller one.
        high (float): The larger one.
        most (int): How many there may be, at least 2.

    Returns:
        list[float]: The smaller number alone where there is nothing between them
        that a float can tell.
    """
    raw = (high - low) / most
    if not sys.float_info.min < raw < math.inf:
        return [low]
    power = 10.0 ** math.floor(math.log10(raw))
    step = next(power * k for k in (1, 2, 2.5, 5, 10, 20) if power * k >= raw)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [k * step for k in range(first, last + 1)]


class Axis(NamedTuple):
    """Maps numbers to a side of a picture."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        share = (value - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def epoch_axis(
    canvas: Canvas,
    length: float,
    unit: str,
    stages: Sequence[Stage],
    sides: Tuple[float, float],
    bands: Sequence[Tuple[float, float]],
    names_at: float,
) -> Axis:
    """Draws the axis of the epochs, and the stages behind what is to come.

    Args:
        canvas (Canvas): The picture.
        length (float): Epochs that it shows.
        unit (str): What is counted.
        stages (Sequence[Stage]): Every second one is shaded.
        sides (tuple): Left and right of the area.
        bands (Sequence[tuple]): Top and bottom of each part of the area.
        names_at (float): Base line of the names of the stages.
    """
    left, right = sides
    bottom = bands[-1][1]
    axis = Axis(0, length, left, right)
    for k, stage in enumerate(stages):
        begin, end = axis(stage.begin), axis(stage.end)
        for above, below in bands if k % 2 else ():
            canvas.rect(begin, above, end - begin, below - above, 'shade')
        for above, below in [(names_at - 9, names_at + 4), *bands] if k else ():
            canvas.line([(begin, above), (begin, below)], 'muted', dash='3 3')
        if width_of(stage.name, 11) < end - begin - 4:
            canvas.text(begin + 4, names_at, stage.name, 'muted', 11)
    for tick in ticks(0, length, 8):
        if tick == int(tick):
            canvas.text(axis(tick), bottom + 15, f'{tick:g}', 'muted', 11, 'middle')
    canvas.text((left + right) / 2, bottom + 31, unit, 'muted', 11, 'middle')
    return axis


def line_chart(
    lines: Sequence[Line],
    length: float,
    unit: str,
    stages: Sequence[Stage],
    y_label: str,
    levels: Sequence[Tuple[str, float, str]] = (),
) -> Canvas:
    """Curves over the epochs.

    Args:
        lines (Sequence[Line]): At least one, with at least one point.
        length (float): Epochs of the axis.
        unit (str): What is counted.
        stages (Sequence[Stage]): To be marked.
        y_label (str): Unit of the values.
        levels (Sequence): Name, value and colour of dashed lines across.
    """
    entries = {line.name: line for line in lines}
    legend = _rows_of([*entries, *dict.fromkeys(name for name, _, _ in levels)])
    if len(entries) + len(levels) == 1:
        legend = []
    top = TOP + 16
    height = HEIGHT + 16 + 18 * len(legend)
    canvas = Canvas(WIDTH, height)
    bottom = HEIGHT + 16 - BOTTOM
    sides = (LEFT, WIDTH - RIGHT)
    x = epoch_axis(canvas, length, unit, stages, sides, [(top, bottom)], top - 5)
    values = [v for line in lines for v in line.curve.values]
    values += [value for _, value, _ in levels]
    y = _value_axis(canvas, values, bottom, top)
    canvas.text(4, 11, y_label, 'muted', 11)
    for name, value, paint in levels:
        ends = [(LEFT, y(value)), (WIDTH - RIGHT, y(value))]
        canvas.line(ends, paint, 1.5, '6 4', title=f'{name}: {value:g}')
    for line in lines:
        points = [(x(at), y(value)) for at, value in zip(*line.curve)]
        if not line.width or len(points) == 1:
            dots = ''.join(
                f'M{px - 1.6:.1f} {py:.1f}a1.6 1.6 0 1 0 3.2 0a1.6 1.6 0 1 0 -3.2 0z'
                for px, py in points
            )
            canvas.path(
                dots, fill=line.paint, opacity=line.opacity, title=line.name or None
            )
        else:
            canvas.line(
                points, line.paint, line.width, line.dash, line.opacity, line.name
            )
    _draw_legend(canvas, legend, entries, {n: p for n, _, p in levels})
    return canvas


def _value_axis(canvas: Canvas, values, bottom: float, top: float) -> Axis:
    low, high = min(values), max(values)
    # At least so much that labels of few digits are different.
    pad = max((high - low) * 0.05, abs(high) * 0.02) or 1
    # Not below 0 where there is nothing below it.
    low, high = (max(low - pad, 0) if low >= 0 else low - pad), high + pad
    y = Axis(low, high, bottom, top)
    for tick in ticks(low, high):
        canvas.line([(LEFT, y(tick)), (WIDTH - RIGHT, y(tick))], 'grid')
        canvas.text(LEFT - 6, y(tick) + 4, f'{tick:.6g}', 'muted', 11, 'end')
    return y


def _rows_of(names: Sequence[str]) -> List[List[Tuple[str, float]]]:
    """Legend entries with their places, in as many rows as they need."""
    rows: List[List[Tuple[str, float]]] = []
    place = math.inf
    for name in names:
        label = shortened(name, WIDTH - LEFT - 40)
        wide = 26 + width_of(label) + 14
        if place + wide > WIDTH:
            rows.append([])
            place = LEFT
        rows[-1].append((name, place))
        place += wide
    return rows


def _draw_legend(canvas: Canvas, rows, entries, levels) -> None:
    for k, row in enumerate(rows):
        base = HEIGHT + 16 + 18 * k + 8
        for name, place in row:
            label = shortened(name, WIDTH - LEFT - 40)
            line = entries.get(name)
            if line is not None and not line.width:
                canvas.circle(place + 10, base - 4, 2.5, line.paint)
            else:
                ends = [(place, base - 4), (place + 20, base - 4)]
                if line is None:
                    canvas.line(ends, levels[name], 1.5, '6 4')
                else:
                    canvas.line(ends, line.paint, line.width, line.dash, line.opacity)
            canvas.text(place + 26, base, label)
