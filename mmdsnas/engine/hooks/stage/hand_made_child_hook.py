import numpy as np
from mmengine.hooks import Hook

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.models.mutators import Stream
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Count, Text, checked_options
from mmdsnas.utils.words import nearest
from ...contenders import obvious_paths
from ...selection import PathSpace
from ..utils import algorithm_of, common_seed, named

RANDOM = 'random'


@HOOKS.register_module()
class HandMadeChildHook(Hook):
    """Trains a network made by hand, or an arbitrary one, in place of a search.

    It is what a search is held against: from the same weights, within the same limits.

    Args:
        network (str): Name of an obvious path, see ``obvious_paths``, such as ``e4`` or
            ``skip+e4``; or ``random``: a path within the limits, drawn uniformly.
        input_size (int, optional): Edge of its images, one of ``input_sizes``; the
            largest that leaves it within the limits by default.

    Raises:
        ConfigError: There is no such network, it is not within the limits, or it is
            not trained alone from the first epoch.
    """

    @checked_options
    def __init__(self, network: Text, input_size: Count | None = None) -> None:
        self.network, self.input_size = network, input_size

    def before_train(self, runner) -> None:
        """Fixes the network."""
        algorithm = algorithm_of(runner)
        if algorithm.finetune_epochs:
            raise ConfigError(
                'model.finetune_epochs must be 0 for HandMadeChildHook, whose network '
                f'is trained alone, but is {algorithm.finetune_epochs}.'
            )
        fixed, size = algorithm.mutator.fixed, algorithm.child_edge
        is_drawn = (
            runner.epoch and self.network == RANDOM and not algorithm.mutator.free
        )
        path = fixed if is_drawn else self.choose(algorithm, common_seed(runner))
        resumed = size if runner.epoch else algorithm.child_edge, {**path, **fixed}
        if resumed != (algorithm.child_edge, path):
            raise ConfigError(
                'HandMadeChildHook must have the network that the resumed run trains, '
                f'but has {self.network} at {algorithm.child_edge} pixels.'
            )
        algorithm.mutator.fix({g: c for g, c in path.items() if g not in fixed})
        runner.logger.info(
            f'The child is {self.network} at {algorithm.child_edge} pixels: '
            f'{named(algorithm, path)}'
        )

    def choose(self, algorithm: DSNAS, seed: int) -> Path:
        """The network as a path; its size becomes that of the child's images."""
        mutator = algorithm.mutator
        sizes = algorithm.input_sizes or [algorithm.edge]
        sizes = [*sizes] if self.input_size is None else [self.input_size]
        if self.network == RANDOM:
            algorithm.set_input_size(sizes[0])
            rng = np.random.default_rng([seed, 0, 0, Stream.SELECTION])
            space = PathSpace(
                {name: mutator.choices(name) for name in mutator.search_groups},
                lambda path: algorithm.cost_term.allows(path),
                mutator.derive_child,
                rng,
            )
            path = algorithm.confirmed_child(space.draw)
            if self.input_size in (None, algorithm.child_edge):
                return path
        else:
            path = self._obvious_path(algorithm)
            for size in sizes:
                algorithm.set_input_size(size)
                if algorithm.is_within(path):
                    return path
        raise ConfigError(
            f'network of HandMadeChildHook is {self.network}, which is not within '
            f'model.cost.limit, {self._told_size()}.'
        )

    def _told_size(self) -> str:
        if self.input_size is None:
            return 'whatever its input_size'
        return f'with input_size={self.input_size}'

    def _obvious_path(self, algorithm: DSNAS) -> Path:
        mutator = algorithm.mutator
        choices = {name: mutator.choices(name) for name in mutator.search_groups}
        known = obvious_paths(choices)
        if self.network not in known:
            raise ConfigError(
                f'network of HandMadeChildHook must be {RANDOM} or one of '
                f'{", ".join(known)}, but is {self.network!r}'
                f'{nearest(self.network, known)}.'
            )
        return known[self.network]
