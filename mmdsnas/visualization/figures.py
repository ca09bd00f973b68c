"""All pictures of one run, or of several beside each other."""

import itertools
from dataclasses import dataclass
from functools import partial
from typing import Any, Callable, Iterable, Sequence

from mmdsnas.models.cost import COSTS
from .drawing import Epochs, Line, child_rows, line_chart
from .found_child import NUMBERS
from .front_figure import front_chart
from .history import Curve, Run
from .rows import alike, mean_size, probability_rows, reward_rows
from .svg import COLOURS

NO_METRICS = ('step', 'time', 'data_time', 'epoch', 'iter')


@dataclass
class Picture:
    """A picture of one run, or of several, and its table.

    The cells of the table are numbers, texts, or None for nothing. For ``name``,
    ``title``, ``text`` and ``draw`` see :func:`~.svg.svg_of`.
    """

    name: str
    title: str
    text: str
    draw: Callable[[], Any]
    head: list[str]
    rows: list[list[Any]]


class ReportFigures:
    """Draws one run, or several beside each other by names, with axes of one length."""

    def __init__(self, runs: Sequence[Run], names: Sequence[str]) -> None:
        self.runs = dict(zip(names, runs))
        self.alone = len(runs) == 1
        self.lines = dict(zip(names, itertools.cycle(COLOURS)))
        self.length = max(run.length for run in runs)
        by_epoch = all(run.record.by_epoch for run in runs)
        self.unit = 'epoch' if by_epoch else 'iteration'
        mflops = [n for run in runs for n in (*_mflops(run), _rest(run) or 0)]
        self.costliest = max(mflops, default=0)
        blocks = [of for run in runs for of in run.probabilities().values()]
        chosen = [b['candidate'] for run in runs for b in run.child.blocks.values()]
        shown = [candidate for of in blocks for candidate in of] + sorted(chosen)
        self.colours = dict(zip(dict.fromkeys(shown), itertools.cycle(COLOURS)))

    def sections(self) -> dict[str, list[Picture]]:
        """By part of the page, what the files tell enough of to be drawn."""
        losses = self._lines('train', ('task.loss', 'loss'))
        loss = self._chart('loss', f'loss over the {self.unit}s', 'loss', losses)
        sections = dict(
            front=self._of_each(self._front),
            child=self._of_each(self._child),
            training=[*self._accuracies(), *loss],
            blocks=self._of_each(self._probabilities) + self._of_each(self._rewards),
            search=[*self._entropies(), *self._costs()],
        )
        taken: set[str] = set()
        for picture in itertools.chain(*sections.values()):
            # Names of metrics that differ may be one name of a file.
            name, number = picture.name, itertools.count(2)
            while picture.name in taken:
                picture.name = f'{name}-{next(number)}'
            taken.add(picture.name)
        return sections

    def _of_each(self, make: Callable[[Run], Picture | None]) -> list[Picture]:
        pictures = []
        for k, (name, run) in enumerate(self.runs.items(), 1):
            picture = make(run)
            if picture is not None:
                if not self.alone:
                    picture.name += f'-{k}'
                    picture.title += f': {name}'
                pictures.append(picture)
        return pictures

    def _front(self, run: Run) -> Picture | None:
        children = [r for r in run.front if None not in (r.accuracy, r.mflops)]
        if not children:
            return None
        told = [f'{r.limit}: {r.accuracy:.2f} % at {r.mflops:.4g}' for r in children]
        return Picture(
            'front',
            'What the children cost, and how often they are right',
            f'Limit, accuracy and MFLOPs of the children: {"; ".join(told)}.',
            partial(front_chart, children, run.measured),
            ['network', 'pixels', 'MFLOPs', 'distance'],
            [[n.network, n.input_size, n.mflops, n.distance] for n in run.measured],
        )

    def _child(self, run: Run) -> Picture | None:
        blocks = run.child.blocks
        if not blocks:
            return None
        there = [n for n in NUMBERS if any(n in b for b in blocks.values())]
        return Picture(
            'child',
            'The child block by block',
            ', '.join(f'{name}: {b["candidate"]}' for name, b in blocks.items()),
            partial(child_rows, blocks, _rest(run), self.costliest, self.colours),
            ['block', 'candidate', *(NUMBERS[name] for name in there)],
            [[n, b['candidate'], *map(b.get, there)] for n, b in blocks.items()],
        )

    def _probabilities(self, run: Run) -> Picture | None:
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
            [self.unit, *(f'{b} {name}' for b, of in blocks.items() for name in of)],
            table_of(curve for of in blocks.values() for curve in of.values()),
        )

    def _rewards(self, run: Run) -> Picture | None:
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

    def _lines(self, kind: str, names: Sequence[str], alone: str = '') -> list[Line]:
        """Of each run the first of some numbers that it has."""
        lines = []
        for title, run in self.runs.items():
            curves, style = getattr(run, kind), dict(color=self.lines[title])
            for name in [name for name in names if name in curves][:1]:
                label = (alone or name) if self.alone else title
                lines.append(Line(label, curves[name], style))
        return lines

    def _accuracies(self) -> Iterable[Picture]:
        names = {name for run in self.runs.values() for name in run.val}
        for name in sorted(names.difference(NO_METRICS)):
            if not name.startswith('sampled/'):
                lines = self._lines('val', [name])
                for line in self._lines('val', [f'sampled/{name}'], name):
                    style = dict(line.style, linestyle=':', linewidth=1.5)
                    told = f'{line.name}, sampled paths'
                    lines.append(line._replace(name=told, style=style))
                title = f'{name} over the {self.unit}s'
                yield from self._chart(name, title, name, lines)

    def _entropies(self) -> Iterable[Picture]:
        lines: list[Line] = []
        style = dict(color=COLOURS[5], linewidth=1, alpha=0.8)
        for run in self.runs.values() if self.alone else ():
            curves = run.by_block('entropy').items()
            lines += [Line(name, curve, style, 'of a block') for name, curve in curves]
        lines += self._lines('train', ['entropy'], 'mean')
        return self._chart('entropy', 'Entropy of the choices', 'nats', lines)

    def _costs(self) -> Iterable[Picture]:
        points = dict(color=COLOURS[5], linestyle='', marker='.', alpha=0.8)
        for measure, cost in COSTS.items():
            lines, limits = [], []
            if self.alone and measure == 'flops':
                sampled = self._lines('train', ['sampled_mflops'], 'sampled')
                lines += [line._replace(style=points) for line in sampled]
            lines += self._lines('train', [cost.expected], 'expected')
            for title, run in self.runs.items():
                if measure in run.limits:
                    label = 'limit' if self.alone else f'limit of {title}'
                    color = COLOURS[1] if self.alone else self.lines[title]
                    curve = Curve([0, self.length], [run.limits[measure]] * 2)
                    style = dict(color=color, linewidth=1.5, linestyle='--')
                    limits.append(Line(label, curve, style))
            title = f'Cost in {cost.unit}'
            yield from self._chart(f'cost-{measure}', title, cost.unit, lines, limits)

    def _chart(
        self,
        name: str,
        title: str,
        unit: str,
        lines: Sequence[Line],
        limits: Sequence[Line] = (),
    ) -> list[Picture]:
        """A chart, if there is anything to draw."""
        lines = [line._replace(curve=line.curve.drawable()) for line in lines]
        lines = [line for line in lines if line.curve.at]
        ends = [(n.name, n.curve.values) for n in lines if not n.legend]
        words = [f'{n}: from {v[0]:.4g} to {v[-1]:.4g}' for n, v in ends]
        words += [f'{line.name}: {line.curve.values[0]:g}' for line in limits]
        epochs = self._epochs(*self.runs.values())
        picture = Picture(
            ''.join(c if c.isalnum() else '-' for c in name)[:60],
            title,
            f'{"; ".join(words)}.',
            partial(line_chart, [*limits, *lines], epochs, unit),
            [self.unit, *(line.name for line in lines)],
            table_of(line.curve for line in lines),
        )
        return [picture] if lines else []


def table_of(curves: Iterable[Curve]) -> list[list[float | None]]:
    """A row for each moment in which one of the curves has a value."""
    columns = [dict(zip(*curve)) for curve in curves]
    moments = sorted({at for column in columns for at in column})
    return [[at, *(column.get(at) for column in columns)] for at in moments]


def _mflops(run: Run) -> list[float]:
    return [b['mflops'] for b in run.child.blocks.values() if 'mflops' in b]


def _rest(run: Run) -> float | None:
    """MFLOPs of what is not searched."""
    own, whole = _mflops(run), run.child.costs.get('mflops')
    if whole is None or len(own) < len(run.child.blocks):
        return None
    return whole - sum(own)
