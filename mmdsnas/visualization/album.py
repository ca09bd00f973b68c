"""All pictures of one run, or of several beside each other."""

from typing import Iterable, List, Optional, Sequence

from mmdsnas.models.cost import COSTS
from .charts import Line, finite, line_chart, thinned
from .history import Run, Stage
from .pictures import Picture, Section, apart, table_of
from .rows import alike, child_rows, mean_size, probability_rows, reward_rows
from .svg import colour


class Album:
    """Draws runs beside each other, with axes of one length.

    Args:
        runs (Sequence[Run]): One or several.
        names (Sequence[str]): What they are called, each another name.
    """

    def __init__(self, runs: Sequence[Run], names: Sequence[str]) -> None:
        self.runs = list(runs)
        self.names = list(names)
        self.length = max(run.length for run in runs)
        self.unit = 'epoch' if all(run.by_epoch for run in runs) else 'iteration'
        self.paints = {
            name: colour(k) for k, name in enumerate(dict.fromkeys(_candidates(runs)))
        }
        stages = [run.stages for run in runs]
        same = all(own == stages[0] for own in stages)
        self.stages: List[Stage] = stages[0] if same else []

    def sections(self) -> List[Section]:
        """All that there is to draw, without what the files do not tell."""
        sections = [
            Section(
                'child',
                'The child',
                'The candidate of each block, from the images to the classes, and what '
                'it costs. MFLOPs are multiply-adds / 1e6.',
                self._of_each(self._child),
            ),
            Section(
                'training',
                'Accuracy and loss',
                'Validations run the most probable path, the child. Dashed lines are '
                'the boundaries of the stages.',
                [*self._accuracies(), *self._charts(['task.loss', 'loss'], 'loss')],
            ),
            Section(
                'blocks',
                'Probabilities and rewards of the blocks',
                'The height of a colour is the probability of a candidate at the end '
                'of an epoch; a line across is the moment in which the block was '
                'fixed. A reward is what the gradient of a block was weighed with in '
                'an iteration, with its sign; each row has a scale of its own, and '
                'blocks whose rewards are far smaller than those of others follow '
                'noise.',
                [*self._of_each(self._probabilities), *self._of_each(self._rewards)],
            ),
            Section(
                'search',
                'Entropy and cost',
                'How open the choices are, in nats: 0 is a block that is fixed. The '
                'expected cost is the mean over the paths of the distribution, the '
                'sampled one that of a path that was executed, both of the whole '
                'network.',
                [*self._entropies(), *self._costs()],
            ),
        ]
        pictures = [picture for section in sections for picture in section.pictures]
        for picture, name in zip(pictures, apart([p.name for p in pictures])):
            picture.name = name
        return [section for section in sections if section.pictures]

    def _of_each(self, draw) -> List[Picture]:
        pictures = []
        for run, name in zip(self.runs, self.names):
            picture = draw(run)
            if picture is None:
                continue
            if len(self.runs) > 1:
                picture.name += f'-{self.names.index(name) + 1}'
                picture.title += f': {name}'
            pictures.append(picture)
        return pictures

    def _child(self, run: Run) -> Optional[Picture]:
        blocks = run.child.blocks
        if not blocks:
            return None
        every = [b.costs.get('flops') for r in self.runs for b in r.child.blocks]
        costs = [cost for cost in every if cost is not None]
        whole, own = (
            run.child.costs.get('flops'),
            [b.costs.get('flops') for b in blocks],
        )
        rest = whole - sum(own) if whole is not None and None not in own else None
        costliest = max([*costs, rest or 0]) if costs else None
        columns = {
            'probability': [b.probability for b in blocks],
            **{c.unit: [b.costs.get(n) for b in blocks] for n, c in COSTS.items()},
        }
        columns = {name: of for name, of in columns.items() if set(of) != {None}}
        return Picture(
            'child',
            'The child block by block',
            ', '.join(f'{b.name}: {b.candidate}' for b in blocks),
            child_rows(blocks, rest, costliest, self.paints),
            ['block', 'candidate', *columns],
            [[b.name, b.candidate, *of] for b, *of in zip(blocks, *columns.values())],
        )

    def _probabilities(self, run: Run) -> Optional[Picture]:
        probabilities = run.probabilities()
        if not probabilities:
            return None
        columns = {
            f'{block} {candidate}': curve
            for block, candidates in probabilities.items()
            for candidate, curve in candidates.items()
        }
        fixed = [f'{block} in epoch {n}' for block, n in run.fixed_in.items()]
        return Picture(
            'probabilities',
            'Probabilities by block',
            f'The distribution of {len(probabilities)} blocks over the epochs. '
            + (f'Fixed: {", ".join(fixed)}.' if fixed else 'No block was fixed.'),
            probability_rows(probabilities, run, self.length, self.paints),
            [self.unit, *columns],
            table_of(columns.values()),
        )

    def _rewards(self, run: Run) -> Optional[Picture]:
        rewards = alike(run.by_block('reward'))
        if not rewards:
            return None
        largest = dict.fromkeys(rewards, 0.0)
        for other in self.runs:
            for name, curve in alike(other.by_block('reward')).items():
                sizes = map(abs, finite(curve).values)
                largest[name] = max([largest.get(name, 0.0), *sizes])
        means = ', '.join(f'{b} {mean_size(c):.2g}' for b, c in rewards.items())
        return Picture(
            'rewards',
            'Rewards by block',
            f'Mean size of the rewards: {means}.',
            reward_rows(rewards, run, self.length, largest),
            [self.unit, *rewards],
            table_of(thinned(finite(curve)) for curve in rewards.values()),
        )

    def _accuracies(self) -> List[Picture]:
        names = {n for run in self.runs for n in run.val if _is_metric(n)}
        own = sorted(n for n in names if not n.startswith('sampled/'))
        return [p for n in own for p in self._charts([n], n, kind='val')]

    def _charts(self, names, y_label: str, kind: str = 'train') -> List[Picture]:
        """A chart of the first of some numbers that each run has."""
        lines: List[Line] = []
        for k, (run, title) in enumerate(zip(self.runs, self.names)):
            curves = getattr(run, kind)
            name = next((n for n in names if n in curves), None)
            if name is None:
                continue
            label = name if len(self.runs) == 1 else title
            lines.append(Line(label, curves[name], colour(k)))
            sampled = curves.get(f'sampled/{name}')
            if sampled is not None:
                lines.append(
                    Line(f'{label}, sampled paths', sampled, colour(k), 1.5, '2 3')
                )
        return self._chart(y_label, f'{y_label} over the {self.unit}s', y_label, lines)

    def _entropies(self) -> List[Picture]:
        lines: List[Line] = []
        for k, (run, title) in enumerate(zip(self.runs, self.names)):
            if len(self.runs) == 1:
                lines += [
                    Line('of a block', curve, 'c5', 1, None, 0.8)
                    for curve in run.by_block('entropy').values()
                ]
            if 'entropy' in run.train:
                label = 'mean' if len(self.runs) == 1 else title
                lines.append(Line(label, run.train['entropy'], colour(k), 2.5))
        names = None
        if len(self.runs) == 1:
            names = [*self.runs[0].by_block('entropy'), 'mean'][: len(lines)]
        title = 'Entropy of the choices'
        return self._chart('entropy', title, 'nats', lines, names=names)

    def _costs(self) -> List[Picture]:
        pictures = []
        for measure, cost in COSTS.items():
            lines: List[Line] = []
            levels = []
            for k, (run, title) in enumerate(zip(self.runs, self.names)):
                alone = len(self.runs) == 1
                if alone and measure == 'flops' and 'sampled_mflops' in run.train:
                    sampled = run.train['sampled_mflops']
                    lines.append(Line('sampled', sampled, 'c5', 0, None, 0.8))
                if cost.expected in run.train:
                    label = 'expected' if alone else title
                    expected = run.train[cost.expected]
                    lines.append(Line(label, expected, colour(k), 2.5))
                limit = run.limits.get(measure)
                if limit is not None:
                    label = 'limit' if alone else f'limit of {title}'
                    levels.append((label, limit, 'c1' if alone else colour(k)))
            title = f'Cost in {cost.unit}'
            pictures += self._chart(f'cost-{measure}', title, cost.unit, lines, levels)
        return pictures

    def _chart(
        self, name, title, y_label, lines: List[Line], levels=(), names=None
    ) -> List[Picture]:
        """A chart, if there is anything to draw."""
        lines = [line._replace(curve=thinned(finite(line.curve))) for line in lines]
        names = names or [line.name for line in lines]
        kept = [(n, line) for n, line in zip(names, lines) if line.curve.at]
        if not kept:
            return []
        names, lines = zip(*kept)
        words = [
            f'{n}: from {line.curve.values[0]:.4g} to {line.curve.values[-1]:.4g}'
            for n, line in kept
            if line.name != 'of a block'
        ]
        words += [f'{n}: {value:g}' for n, value, _ in levels]
        canvas = line_chart(lines, self.length, self.unit, self.stages, y_label, levels)
        rows = table_of(line.curve for line in lines)
        slug = ''.join(c if c.isalnum() else '-' for c in name)[:60]
        return [
            Picture(
                slug, title, f'{"; ".join(words)}.', canvas, [self.unit, *names], rows
            )
        ]


def _is_metric(name: str) -> bool:
    return name not in ('step', 'time', 'data_time', 'epoch', 'iter')


def _candidates(runs: Sequence[Run]) -> Iterable[str]:
    for run in runs:
        for candidates in run.probabilities().values():
            yield from candidates
    for run in runs:
        yield from sorted(block.candidate for block in run.child.blocks)
