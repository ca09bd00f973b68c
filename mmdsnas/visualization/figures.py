"""All pictures of one run, or of several beside each other."""

import itertools
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Dict, Iterable, List, Optional, Sequence, Tuple

from mmdsnas.models.cost import COSTS
from .child import NUMBERS
from .drawing import Epochs, Line, child_rows, line_chart
from .history import Curve, Run
from .rows import alike, mean_size, probability_rows, reward_rows
from .svg import COLOURS, svg_of

NO_METRICS = ('step', 'time', 'data_time', 'epoch', 'iter')


@dataclass
class Picture:
    """A picture of one run, or of several.

    Attributes:
        name (str): Of its file.
        title (str): A line.
        text (str): What it shows, for those who do not see it.
        draw (Callable): Makes the figure.
        head (list[str]): Heads of the columns of its table.
        rows (list[list]): Of its table: numbers, texts, or None for nothing.
    """

    name: str
    title: str
    text: str
    draw: Callable[[], Any]
    head: List[str]
    rows: List[List[Any]]

    def svg(self) -> Tuple[str, str]:
        """The picture as a file, and as a part of a page."""
        return svg_of(self.draw, self.name, self.title, self.text)


class ReportFigures:
    """Draws runs beside each other, with axes of one length.

    Args:
        runs (Sequence[Run]): One or several.
        names (Sequence[str]): What they are called, each another name.
    """

    def __init__(self, runs: Sequence[Run], names: Sequence[str]) -> None:
        self.runs = dict(zip(names, runs))
        self.alone = len(runs) == 1
        self.length = max(run.length for run in runs)
        units = {run.unit for run in runs}
        self.unit = units.pop() if len(units) == 1 else 'iteration'
        mflops = [n for run in runs for n in (*_mflops(run), _rest(run) or 0)]
        self.costliest = max(mflops, default=0)
        blocks = [of for run in runs for of in run.probabilities().values()]
        shown = [candidate for of in blocks for candidate in of]
        shown += sorted(b.candidate for run in runs for b in run.child.blocks)
        self.colours = dict(zip(dict.fromkeys(shown), itertools.cycle(COLOURS)))

    def sections(self) -> Dict[str, List[Picture]]:
        """By part of the page, what the files tell enough of to be drawn."""
        losses = self._lines('train', ('task.loss', 'loss'))
        sections = dict(
            child=self._of_each(self._child),
            training=[*self._accuracies(), *self._chart('loss', None, 'loss', losses)],
            blocks=self._of_each(self._probabilities) + self._of_each(self._rewards),
            search=[*self._entropies(), *self._costs()],
        )
        taken: List[str] = []
        for picture in itertools.chain(*sections.values()):
            # Names of metrics that differ may be one name of a file.
            numbered = (f'{picture.name}-{k}' for k in itertools.count(2))
            names = itertools.chain([picture.name], numbered)
            picture.name = next(name for name in names if name not in taken)
            taken.append(picture.name)
        return sections

    def _of_each(self, make: Callable[[Run], Optional[Picture]]) -> List[Picture]:
        pictures = []
        for k, (name, run) in enumerate(self.runs.items(), 1):
            picture = make(run)
            if picture is not None:
                if not self.alone:
                    picture.name += f'-{k}'
                    picture.title += f': {name}'
                pictures.append(picture)
        return pictures

    def _child(self, run: Run) -> Optional[Picture]:
        blocks = run.child.blocks
        if not blocks:
            return None
        there = [name for name in NUMBERS if any(name in b.numbers for b in blocks)]
        return Picture(
            'child',
            'The child block by block',
            ', '.join(f'{b.name}: {b.candidate}' for b in blocks),
            partial(child_rows, blocks, _rest(run), self.costliest, self.colours),
            ['block', 'candidate', *(NUMBERS[name] for name in there)],
            [[b.name, b.candidate, *map(b.numbers.get, there)] for b in blocks],
        )

    def _probabilities(self, run: Run) -> Optional[Picture]:
        blocks = run.probabilities()
        if not blocks:
            return None
        fixed = [f'{block} in epoch {n}' for block, n in run.fixed_in.items()]
        return Picture(
            'probabilities',
            'Probabilities by block',
            f'The distribution of {len(blocks)} blocks over the epochs. '
            + (f'Fixed: {", ".join(fixed)}.' if fixed else 'No block was fixed.'),
            partial(probability_rows, blocks, run, self._epochs(run), self.colours),
            [
                self.unit,
                *(f'{block} {name}' for block, of in blocks.items() for name in of),
            ],
            table_of(curve for of in blocks.values() for curve in of.values()),
        )

    def _rewards(self, run: Run) -> Optional[Picture]:
        rewards = alike(run.by_block('reward'))
        if not rewards:
            return None
        largest = dict.fromkeys(rewards, 0.0)
        for other in self.runs.values():
            for name, curve in alike(other.by_block('reward')).items():
                sizes = map(abs, curve.finite().values)
                largest[name] = max([largest.get(name, 0.0), *sizes])
        means = ', '.join(f'{b} {mean_size(c):.2g}' for b, c in rewards.items())
        return Picture(
            'rewards',
            'Rewards by block',
            f'Mean size of the rewards: {means}.',
            partial(reward_rows, rewards, run, self._epochs(run), largest),
            [self.unit, *rewards],
            table_of(curve.drawable() for curve in rewards.values()),
        )

    def _epochs(self, *runs: Run) -> Epochs:
        """The axis, with stages where those of all runs are the same."""
        same = all(run.stages == runs[0].stages for run in runs)
        return Epochs(self.length, self.unit, runs[0].stages if same else [])

    def _lines(self, kind: str, names: Sequence[str], alone: str = '') -> List[Line]:
        """Of each run the first of some numbers that it has."""
        lines = []
        for color, (title, run) in zip(itertools.cycle(COLOURS), self.runs.items()):
            curves = getattr(run, kind)
            for name in [name for name in names if name in curves][:1]:
                label = (alone or name) if self.alone else title
                lines.append(Line(label, curves[name], color))
        return lines

    def _accuracies(self) -> Iterable[Picture]:
        names = {name for run in self.runs.values() for name in run.val}
        for name in sorted(names.difference(NO_METRICS)):
            if not name.startswith('sampled/'):
                lines = self._lines('val', [name])
                for line in self._lines('val', [f'sampled/{name}'], name):
                    told = f'{line.name}, sampled paths'
                    lines.append(line._replace(name=told, linestyle=':', linewidth=1.5))
                yield from self._chart(name, None, name, lines)

    def _entropies(self) -> Iterable[Picture]:
        lines: List[Line] = []
        if self.alone:
            (run,) = self.runs.values()
            lines += [
                Line(name, curve, COLOURS[5], 1, '-', 0.8, 'of a block')
                for name, curve in run.by_block('entropy').items()
            ]
        lines += self._lines('train', ['entropy'], 'mean')
        return self._chart('entropy', 'Entropy of the choices', 'nats', lines)

    def _costs(self) -> Iterable[Picture]:
        for measure, cost in COSTS.items():
            lines, limits = [], []
            if self.alone and measure == 'flops':
                lines += [
                    line._replace(color=COLOURS[5], linewidth=0, alpha=0.8)
                    for line in self._lines('train', ['sampled_mflops'], 'sampled')
                ]
            lines += self._lines('train', [cost.expected], 'expected')
            for k, (title, run) in enumerate(self.runs.items()):
                limit = run.limits.get(measure)
                if limit is not None:
                    label = 'limit' if self.alone else f'limit of {title}'
                    color = COLOURS[1 if self.alone else k % len(COLOURS)]
                    curve = Curve([0, self.length], [limit, limit])
                    limits.append(Line(label, curve, color, 1.5, '--'))
            title = f'Cost in {cost.unit}'
            yield from self._chart(f'cost-{measure}', title, cost.unit, lines, limits)

    def _chart(
        self,
        name: str,
        title: Optional[str],
        unit: str,
        lines: Sequence[Line],
        limits: Sequence[Line] = (),
    ) -> List[Picture]:
        """A chart, if there is anything to draw."""
        lines = [line._replace(curve=line.curve.drawable()) for line in lines]
        lines = [line for line in lines if line.curve.at]
        ends = [(n.name, n.curve.values) for n in lines if not n.legend]
        words = [f'{n}: from {v[0]:.4g} to {v[-1]:.4g}' for n, v in ends]
        words += [f'{line.name}: {line.curve.values[0]:g}' for line in limits]
        epochs = self._epochs(*self.runs.values())
        picture = Picture(
            ''.join(c if c.isalnum() else '-' for c in name)[:60],
            title or f'{name} over the {self.unit}s',
            f'{"; ".join(words)}.',
            partial(line_chart, [*limits, *lines], epochs, unit),
            [self.unit, *(line.name for line in lines)],
            table_of(line.curve for line in lines),
        )
        return [picture] if lines else []


def table_of(curves: Iterable[Curve]) -> List[List[Optional[float]]]:
    """A row for each moment in which one of the curves has a value."""
    columns = [dict(zip(*curve)) for curve in curves]
    moments = sorted({at for column in columns for at in column})
    return [[at, *(column.get(at) for column in columns)] for at in moments]


def _mflops(run: Run) -> List[float]:
    numbers = [block.numbers for block in run.child.blocks]
    return [own['mflops'] for own in numbers if 'mflops' in own]


def _rest(run: Run) -> Optional[float]:
    """MFLOPs of what is not searched."""
    own, whole = _mflops(run), run.child.costs.get('mflops')
    if whole is None or len(own) < len(run.child.blocks):
        return None
    return whole - sum(own)
