from typing import NamedTuple

from mmengine.hooks import Hook

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS, AdditiveGradient, Stage
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Positive, checked_options
from ...contenders import first_unbeaten, obvious_paths
from ..utils import algorithm_of, named

PROBABLE = 'the most probable path'


class _Contender(NamedTuple):
    name: str
    path: Path
    mflops: float
    # Index of the candidate of each group.
    chosen: list[int]


@HOOKS.register_module()
class CompareChildHook(Hook):
    """Lets an obvious network be the child, unless another path is surely better.

    When the finetune stage begins, the most probable path competes with the networks
    that one would make by hand, see ``obvious_paths``: those within the limits. The
    child is the first of these, the costliest first and the most probable path last,
    that none of the others has a loss below by more than some standard errors. Losses
    of candidates, and what is known of them, are those of ``AdditiveGradient``.

    Losses of a supernet are no more than a hint of what its children are worth once
    they are trained alone: what looks better by chance does so in every search, for
    among many paths there is always one that does.

    Args:
        errors (float): How many standard errors make a path surely better; more than
            two, since the most probable one is the best of many.

    Raises:
        ConfigError: There is no finetune stage, or another gradient estimator.
    """

    @checked_options
    def __init__(self, errors: Positive = 3.0) -> None:
        self.errors = errors

    def before_train(self, runner) -> None:
        """Refuses what would show when the finetune stage begins."""
        algorithm = algorithm_of(runner)
        if algorithm.stage_of(runner.max_epochs - 1) is not Stage.FINETUNE:
            raise ConfigError(
                'model.finetune_epochs must be below train_cfg.max_epochs, which is '
                f'{runner.max_epochs}, for CompareChildHook, which chooses the child '
                f'when that stage begins, but is {algorithm.finetune_epochs}.'
            )
        estimator = algorithm.gradient_estimator
        if not isinstance(estimator, AdditiveGradient):
            raise ConfigError(
                'model.gradient_estimator must be an AdditiveGradient for '
                'CompareChildHook, which knows what it has learned of the candidates, '
                f'but is a {type(estimator).__name__}.'
            )

    def before_train_epoch(self, runner) -> None:
        """Chooses and fixes the child, in the first finetune epoch."""
        algorithm = algorithm_of(runner)
        mutator = algorithm.mutator
        if algorithm.stage_of(runner.epoch) is Stage.FINETUNE and mutator.free:
            child, told = self.choose(algorithm)
            runner.logger.info(told)
            mutator.fix({g: c for g, c in child.items() if g in mutator.free})

    def choose(self, algorithm: DSNAS) -> tuple[Path, str]:
        """The child, and lines about all that competed."""
        estimator, contenders = algorithm.gradient_estimator, _contenders(algorithm)

        def difference(one: _Contender, other: _Contender) -> tuple[float, float]:
            return estimator.difference(one.chosen, other.chosen)

        child = first_unbeaten(contenders, difference, self.errors)
        lines = [f'The child is {child.name}: {named(algorithm, child.path)}']
        for other in contenders:
            if other is not child:
                larger, error = difference(other, child)
                lines.append(
                    f'{other.name}, {other.mflops:.4g} MFLOPs: its loss is larger by '
                    f'{larger:.4f}, standard error {error:.4f}'
                )
        return child.path, '\n  '.join(lines)


def _contenders(algorithm: DSNAS) -> list[_Contender]:
    """Those within the limits: the costliest obvious one first, then the child."""
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
    return sorted(allowed, key=lambda c: (c.name == PROBABLE, -c.mflops))
