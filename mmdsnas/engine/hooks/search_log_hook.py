from typing import Dict, Optional

import torch
from mmengine.hooks import Hook, LoggerHook
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from .utils import algorithm_of


@HOOKS.register_module()
class SearchLogHook(Hook):
    """Adds the state of the search to mmengine's logs.

    At every logging interval: ``expected_mflops``, ``sampled_mflops``,
    ``entropy`` and ``fixed_blocks`` (see ``DSNAS.search_state``). At the end
    of an epoch: the child block by block with its probabilities, its MFLOPs
    and parameters, and the mean absolute reward of each block, which tells
    the blocks whose ``alpha`` follows noise.

    Args:
        interval (int, optional): Iterations between two logs; by default that
            of mmengine's ``LoggerHook``.
    """

    # Before LoggerHook, which writes the values down.
    priority = 'NORMAL'

    def __init__(self, interval: Optional[int] = None) -> None:
        self.interval = interval
        self._reward_sum: Optional[Tensor] = None
        self._num_rewards: Optional[Tensor] = None

    def before_train(self, runner) -> None:
        """Takes over the interval of mmengine's logger."""
        if self.interval is None:
            intervals = [
                hook.interval for hook in runner.hooks if isinstance(hook, LoggerHook)
            ]
            self.interval = intervals[0] if intervals else 10

    def before_train_epoch(self, runner) -> None:
        """Begins a new mean of the rewards."""
        self._reward_sum = None
        self._num_rewards = None

    def after_train_iter(
        self, runner, batch_idx: int, data_batch=None, outputs: Optional[Dict] = None
    ) -> None:
        """Adds up rewards; reads numbers back where a log is due."""
        algorithm = algorithm_of(runner)
        self._add_rewards(algorithm, runner.optim_wrapper.loss_factor)
        if self.every_n_inner_iters(batch_idx, self.interval) or self.end_of_epoch(
            runner.train_dataloader, batch_idx
        ):
            for name, value in algorithm.search_state().items():
                runner.message_hub.update_scalar(f'train/{name}', value)

    def _add_rewards(self, algorithm: DSNAS, loss_factor) -> None:
        rewards = algorithm.gradient_estimator.block_rewards
        if rewards is None:
            return
        algorithm.gradient_estimator.block_rewards = None
        size = (rewards / loss_factor).abs()
        # The loss scaler's overflows are part of the game; they do not count.
        finite = size.isfinite()
        if self._reward_sum is None:
            self._reward_sum = torch.zeros_like(size)
            self._num_rewards = torch.zeros_like(size)
        self._reward_sum += size.where(finite, 0)
        self._num_rewards += finite

    def after_train_epoch(self, runner) -> None:
        """Logs the child and the size of the rewards."""
        algorithm = algorithm_of(runner)
        mutator, label = algorithm.mutator, algorithm.cost_table.labels()
        child, confidence = mutator.derive_child(), mutator.confidence()
        cost = algorithm.cost_table.cost(child)
        groups = '  '.join(
            f'{label[name]} {choice} ({confidence[name]:.2f})'
            for name, choice in child.items()
        )
        runner.logger.info(
            f'Child after epoch {runner.epoch + 1}: {cost.flops:.3f} MFLOPs, '
            f'{cost.params:.3f} M parameters, {len(mutator.fixed)} of '
            f'{len(child)} choices fixed: {groups}'
        )
        if self._reward_sum is not None:
            mean = (self._reward_sum / self._num_rewards).tolist()
            searched = [
                block
                for name in mutator.free
                for block in algorithm.cost_table.groups[name]
            ]
            runner.logger.info(
                'Mean absolute reward of the blocks still searched: '
                + '  '.join(f'{b} {r:.1e}' for b, r in zip(searched, mean))
            )
