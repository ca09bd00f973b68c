from typing import Optional

import torch
from mmengine.hooks import Hook, LoggerHook
from torch import Tensor

from mmdsnas.models import COSTS, DSNAS
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Count, checked_options
from ..utils import algorithm_of
from .search_numbers import probabilities, search_numbers, searched_blocks


@HOOKS.register_module()
class SearchLogHook(Hook):
    """Adds the state of the search to mmengine's logs.

    At every logging interval: numbers of the search in the log, and numbers by block in
    the visualizer's files alone (see ``search_numbers.py``, and
    docs/en/user_guides/logs.md for all names). At the end of an epoch: the
    probabilities of all candidates in the visualizer's files, and in the log the
    child block by block with its probabilities, its costs, and the mean absolute
    reward of each block, which tells the blocks whose ``alpha`` follows noise.

    Args:
        interval (int, optional): Iterations between two logs; by default that
            of mmengine's ``LoggerHook``.
    """

    @checked_options
    def __init__(self, interval: Optional[Count] = None) -> None:
        self.interval = interval
        self._probs_before: Optional[Tensor] = None
        self._reward_sum = self._num_rewards = None

    def before_train(self, runner) -> None:
        """Takes over the interval of mmengine's logger."""
        loggers = [hook for hook in runner.hooks if isinstance(hook, LoggerHook)]
        if self.interval is None:
            self.interval = loggers[0].interval if loggers else 10

    def before_train_epoch(self, runner) -> None:
        """Begins a new mean of the rewards."""
        self._reward_sum = self._num_rewards = None

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Keeps the distribution before a step that is logged."""
        if self.every_n_inner_iters(batch_idx, self.interval) or self.end_of_epoch(
            runner.train_dataloader, batch_idx
        ):
            self._probs_before = algorithm_of(runner).mutator.probs().detach()

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ) -> None:
        """Adds up rewards; reads numbers back where a log is due."""
        algorithm = algorithm_of(runner)
        rewards = self._add_rewards(algorithm, runner.optim_wrapper.loss_factor)
        if self._probs_before is None:
            return
        state, by_block = search_numbers(algorithm, self._probs_before, rewards)
        self._probs_before = None
        for name, value in state.items():
            runner.message_hub.update_scalar(f'train/{name}', value)
        if self.end_of_epoch(runner.train_dataloader, batch_idx):
            by_block.update(probabilities(algorithm), epoch=runner.epoch + 1)
        # Not by the message hub, which would make long lines of text of them.
        runner.visualizer.add_scalars(by_block, step=runner.iter + 1)

    def _add_rewards(self, algorithm: DSNAS, loss_factor) -> Optional[Tensor]:
        rewards = algorithm.gradient_estimator.block_rewards
        if rewards is None:
            return None
        algorithm.gradient_estimator.block_rewards = None
        rewards = rewards / loss_factor
        size = rewards.abs()
        # The loss scaler's overflows are part of the game; they do not count.
        finite = size.isfinite()
        if self._reward_sum is None:
            self._reward_sum = torch.zeros_like(size)
            self._num_rewards = torch.zeros_like(size)
        self._reward_sum += size.where(finite, 0)
        self._num_rewards += finite
        return rewards

    def after_train_epoch(self, runner) -> None:
        """Logs the child and the size of the rewards."""
        algorithm = algorithm_of(runner)
        mutator, label = algorithm.mutator, algorithm.cost_table.labels()
        child, confidence = mutator.derive_child(), mutator.confidence()
        costs = algorithm.cost_table.cost(child).items()
        told = [f'{COSTS[n].shown(cost)} {COSTS[n].heading}' for n, cost in costs]
        groups = '  '.join(
            f'{label[name]} {choice} ({confidence[name]:.2f})'
            for name, choice in child.items()
        )
        runner.logger.info(
            f'Child after epoch {runner.epoch + 1}: {", ".join(told)}, '
            f'{len(mutator.fixed)} of {len(child)} choices fixed: {groups}'
        )
        if self._reward_sum is not None:
            mean = (self._reward_sum / self._num_rewards).tolist()
            searched = searched_blocks(algorithm)
            runner.logger.info(
                'Mean absolute reward of the blocks still searched: '
                + '  '.join(f'{b} {r:.1e}' for b, r in zip(searched, mean))
            )
