from typing import Literal, NamedTuple

from mmengine.hooks import Hook

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS, AdditiveGradient, Stage
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Fraction, checked_options
from ...contenders import (
    FULL,
    first_unbeaten,
    obvious_paths,
    planned_errors,
    post_hoc_errors,
)
from ..utils import CHOOSING, algorithm_of, named

PROBABLE = 'the most probable path'
WITHOUT = 'default_hooks.compare_child=None is a search without it'


class _Contender(NamedTuple):
    name: str
    path: Path
    mflops: float
    # Index of the candidate of each group.
    chosen: list[int]


@HOOKS.register_module()
class CompareChildHook(Hook):
    """Lets an obvious network be the child, unless another path is surely better.

    When the finetune stage begins, ``alpha`` is set to minus the effects of the fit,
    see ``AdditiveGradient``, and the most probable path competes with the networks that
    one would make by hand, see ``obvious_paths``, within the limits. The child is the
    first contender that no other is surely better than, in this order:

    - ``costliest``: obvious networks that do not leave much of the limits unused, the
      most expensive first; the most probable path; the other obvious networks.
    - ``cheapest``: all of them, the cheapest first. Small differences that a short
      search cannot see show after a longer training: it is smaller, and may be worse.

    The most probable path is the best of very many, and would often look better if all
    of them were as good. So what it is better by is sure above a bound that holds for
    all paths at once, see ``post_hoc_errors``; between obvious networks, which nobody
    chose by these losses, a smaller one will do, see ``planned_errors``.

    Args:
        confidence (float): Of these bounds, above 0 and below 1.
        prefer (str, optional): The order. None: ``costliest`` within a limit, which
            says what may be spent, and ``cheapest`` without one.

    Raises:
        ConfigError: There is no search stage, another gradient estimator, or another
            hook that chooses the child.
    """

    @checked_options
    def __init__(
        self,
        confidence: Fraction = 0.95,
        prefer: Literal['costliest', 'cheapest'] | None = None,
    ) -> None:
        self.confidence, self.prefer = confidence, prefer

    def before_train(self, runner) -> None:
        """Refuses what would show when the finetune stage begins."""
        algorithm = algorithm_of(runner)
        begin, end = algorithm.pretrain_epochs, algorithm.finetune_epochs
        if begin >= end:
            raise ConfigError(
                'model.finetune_epochs must be above model.pretrain_epochs, which is '
                f'{begin}, for CompareChildHook, which compares what the search stage '
                f'learned, but is {end}; {WITHOUT}.'
            )
        estimator = algorithm.gradient_estimator
        if not isinstance(estimator, AdditiveGradient):
            raise ConfigError(
                'model.gradient_estimator must be an AdditiveGradient for '
                'CompareChildHook, which knows what it has learned of the candidates, '
                f'but is a {type(estimator).__name__}; {WITHOUT}.'
            )
        others = tuple(map(HOOKS.get, CHOOSING))
        for hook in runner.hooks:
            if isinstance(hook, others):
                raise ConfigError(
                    'CompareChildHook must be the only hook that chooses the child, '
                    f'but there is a {type(hook).__name__}, too; {WITHOUT}.'
                )

    def before_train_epoch(self, runner) -> None:
        """Chooses and fixes the child, in the first finetune epoch."""
        algorithm = algorithm_of(runner)
        mutator = algorithm.mutator
        if algorithm.stage_of(runner.epoch) is Stage.FINETUNE and mutator.free:
            told = ''

            def choose() -> Path:
                nonlocal told
                child, told = self.choose(algorithm)
                return child

            child = algorithm.confirmed_child(choose)
            runner.logger.info(told)
            mutator.fix({g: c for g, c in child.items() if g in mutator.free})

    def choose(self, algorithm: DSNAS) -> tuple[Path, str]:
        """The child, and lines about all that competed."""
        estimator, mutator = algorithm.gradient_estimator, algorithm.mutator
        # Where alpha was on its way; a limit may have led it elsewhere.
        effects = zip(mutator.search_groups, (-estimator.effects()).tolist())
        mutator.set_logits({g: row[: len(mutator.choices(g))] for g, row in effects})
        contenders = self._contenders(algorithm)

        def difference(one: _Contender, other: _Contender) -> tuple[float, float]:
            return estimator.difference(one.chosen, other.chosen)

        free = sum(len(own) - 1 for own in mutator.open_choices.values())
        found = post_hoc_errors(self.confidence, free)
        planned = planned_errors(
            self.confidence, sum(c.name != PROBABLE for c in contenders)
        )

        def beats(one: _Contender, other: _Contender) -> bool:
            errors = found if PROBABLE in (one.name, other.name) else planned
            larger, error = difference(other, one)
            return larger > errors * error

        child = first_unbeaten(contenders, beats)
        lines = [
            f'The child is {child.name}: {named(algorithm, child.path)}',
            f'{planned:.1f} standard errors make an obvious network surely better than '
            f'another one, {found:.1f} {PROBABLE}',
        ]
        for other in contenders:
            if other is not child:
                larger, error = difference(other, child)
                lines.append(
                    f'{other.name}, {other.mflops:.4g} MFLOPs: its loss minus that of '
                    f'the child is {larger:.4f}, standard error {error:.4f}'
                )
        return child.path, '\n  '.join(lines)

    def _contenders(self, algorithm: DSNAS) -> list[_Contender]:
        """Those within the limits, what is preferred first."""
        mutator = algorithm.mutator

        def contender(name: str, path: Path) -> _Contender:
            chosen = [mutator.choices(group).index(path[group]) for group in path]
            mflops = algorithm.cost_table.cost(path)['flops']
            return _Contender(name, path, mflops, chosen)

        probable = mutator.derive_child()
        paths = obvious_paths(mutator.open_choices)
        if probable not in paths.values():
            paths[PROBABLE] = probable
        allowed = [
            contender(name, path)
            for name, path in paths.items()
            if algorithm.cost_term.allows(path)
        ]
        order = 'costliest' if algorithm.cost_term.limits else 'cheapest'
        if (self.prefer or order) == 'cheapest':
            return sorted(allowed, key=lambda c: c.mflops)
        least = FULL * max(c.mflops for c in allowed)
        return sorted(
            allowed,
            key=lambda c: (c.mflops < least, c.name == PROBABLE, -c.mflops),
        )
