import math
from collections import defaultdict
from itertools import islice
from numbers import Number
from typing import Any, Mapping

import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import ValLoop

from mmdsnas.errors import ConfigError
from mmdsnas.models import Stage
from mmdsnas.models.mutators import Stream
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.registry import HOOKS, TASK_UTILS
from mmdsnas.utils.foreign import telling
from mmdsnas.utils.options import Count, Items, PartConfig, Text, checked_options
from mmdsnas.utils.random_state import random_states_kept
from ...evaluation import evaluate_path, no_side_effects, try_evaluation
from ...selection import BaseSelection, PathScores, PathSpace
from ..checkpoint.ema_hook import averaged_weights
from ..utils import algorithm_of, common_seed, named, train_loader


@HOOKS.register_module()
class SelectChildHook(Hook):
    """Chooses the child by evaluation when the finetune stage begins.

    A strategy draws paths within the limits of the cost and compares them by a
    metric of the supernet, each with BatchNorm statistics of its own; the path that
    it chooses is fixed, in place of the most probable one. Groups that are fixed
    already stay. Training goes on with the statistics and random states that it had,
    and a run that was resumed chooses the same. With an ``EMAHook`` the averaged
    weights are evaluated, as in a validation.

    With uniform sampling it is a baseline of a search, see ``configs/baselines``.

    Args:
        strategy (dict | BaseSelection): ``RandomSelection`` or
            ``EvolutionSelection``.
        dataloader (dict, optional): Data that paths are compared on; the
            validation's by default. Training data that are left out of the training
            are better: on the data that chose it the child looks better than it is.
        evaluator (dict | list[dict], optional): Metrics of these data; the
            validation's by default.
        metric (str): The number of the evaluator that is the score; greater is
            better.
        num_batches (int): Training batches, in each process, that statistics are
            computed on; they are the same for all paths and kept in memory.

    Raises:
        ConfigError: There is no finetune stage, or no data to compare paths on.
    """

    @checked_options
    def __init__(
        self,
        strategy: PartConfig | BaseSelection,
        dataloader: dict | None = None,
        evaluator: dict | Items[dict] | None = None,
        metric: Text = 'accuracy/top1',
        num_batches: Count = 20,
    ) -> None:
        is_config = isinstance(strategy, dict)
        self.strategy = TASK_UTILS.build(strategy) if is_config else strategy
        self.dataloader = dataloader
        self.evaluator = evaluator
        self.metric = metric
        self.num_batches = num_batches

    def before_train(self, runner) -> None:
        """Builds the data, so that mistakes in them show at the start."""
        algorithm = algorithm_of(runner)
        if algorithm.stage_of(runner.max_epochs - 1) is not Stage.FINETUNE:
            raise ConfigError(
                'model.finetune_epochs must be below train_cfg.max_epochs, which is '
                f'{runner.max_epochs}, for SelectChildHook, which chooses the child '
                f'when that stage begins, but is {algorithm.finetune_epochs}.'
            )
        if algorithm.mutator.free and self.strategy.max_scores:
            with telling('the data of SelectChildHook cannot be built'):
                self._loop = self._build_loop(runner)
            with no_side_effects(algorithm):
                self._score(try_evaluation(algorithm, self._loop, 'SelectChildHook'))

    def before_train_epoch(self, runner) -> None:
        """Chooses and fixes the child, in the first finetune epoch."""
        algorithm = algorithm_of(runner)
        mutator = algorithm.mutator
        if algorithm.stage_of(runner.epoch) is not Stage.FINETUNE or not mutator.free:
            return
        with averaged_weights(runner):
            path = self._select(runner)
        mutator.fix(path)
        runner.logger.info(f'Selected: {named(algorithm, path)}')

    def _select(self, runner) -> Path:
        algorithm, most = algorithm_of(runner), self.strategy.max_scores
        mutator, seed = algorithm.mutator, common_seed(runner)
        choices = mutator.open_choices
        rng = np.random.default_rng([seed, 0, 0, Stream.SELECTION])

        def allows(path: Path) -> bool:
            return algorithm.cost_term.allows(path)

        space = PathSpace(choices, allows, mutator.derive_child, rng)
        most = min(most, math.prod(map(len, choices.values())))
        batches: list[Any] = []
        if most:
            with random_states_kept(runner.seed):
                loader = train_loader(runner, 'SelectChildHook')
                batches = list(islice(loader, self.num_batches))

        def measure(path: Path) -> float:
            found = evaluate_path(algorithm, path, batches, self._loop, runner.seed)
            return self._score(found)

        by_size = defaultdict(lambda: PathScores(measure, most, runner.logger.info))

        def choose() -> Path:
            scores = by_size[algorithm.child_edge]
            # After a choice whose network exceeds a limit: the best of the others.
            paths = [dict(zip(choices, key)) for key in scores.known]
            if allowed := [path for path in paths if allows(path)]:
                return max(allowed, key=scores)
            return self.strategy.select(space, scores)

        return algorithm.confirmed_child(choose)

    def _score(self, metrics: Mapping[str, Any]) -> float:
        numbers = {n: v for n, v in metrics.items() if isinstance(v, Number)}
        if self.metric not in numbers:
            raise ConfigError(
                'metric of SelectChildHook must be one of the numbers that the '
                f'evaluator gives ({", ".join(numbers) or "none"}), but is '
                f'{self.metric!r}.'
            )
        return float(numbers[self.metric])

    def _build_loop(self, runner) -> ValLoop:
        data, evaluator, loop = self.dataloader, self.evaluator, runner.val_loop
        if loop is not None:
            data, evaluator = data or loop.dataloader, evaluator or loop.evaluator
        elif data is None or evaluator is None:
            raise ConfigError(
                'SelectChildHook must have a dataloader and an evaluator where the '
                'config has no validation to take them from.'
            )
        return ValLoop(runner, data, evaluator, fp16=loop is not None and loop.fp16)
