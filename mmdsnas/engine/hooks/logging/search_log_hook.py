import math

import torch
from mmengine.hooks import Hook, LoggerHook
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.models.cost import COSTS, expected_cost
from mmdsnas.models.mutators import functional as F
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Count, checked_options
from ..utils import algorithm_of


@HOOKS.register_module()
class SearchLogHook(Hook):
    """Adds the state of the search to mmengine's logs.

    At every logging interval: ``search_numbers``, those by block in the
    visualizer's files alone. At the end of an epoch: the probabilities of all
    candidates in these files, and in the log the child with its probabilities and
    costs, and the mean absolute reward of each block, which tells the blocks whose
    ``alpha`` follows noise.

    Args:
        interval (int, optional): Iterations between two logs; by default that
            of mmengine's ``LoggerHook``.
    """

    @checked_options
    def __init__(self, interval: Count | None = None) -> None:
        self.interval = interval
        self._probs_before: Tensor | None = None
        # Absolute rewards and how many they are, by block; none in an epoch without.
        self._sum = self._number = None

    def before_train(self, runner) -> None:
        """Takes over the interval of mmengine's logger."""
        loggers = [hook for hook in runner.hooks if isinstance(hook, LoggerHook)]
        if self.interval is None:
            self.interval = loggers[0].interval if loggers else 10

    def before_train_epoch(self, runner) -> None:
        """Begins a new mean of the rewards."""
        self._sum = self._number = None

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

    def _add_rewards(self, algorithm: DSNAS, loss_factor) -> Tensor | None:
        rewards = algorithm.gradient_estimator.block_rewards
        if rewards is None:
            return None
        algorithm.gradient_estimator.block_rewards = None
        rewards = rewards / loss_factor
        size = rewards.abs()
        # The loss scaler's overflows are part of the game; they do not count.
        finite = size.isfinite()
        if self._sum is None:
            self._sum, self._number = torch.zeros_like(size), torch.zeros_like(size)
        self._sum += size.where(finite, 0)
        self._number += finite
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
        if self._sum is not None:
            mean = (self._sum / self._number).tolist()
            searched = searched_blocks(algorithm)
            runner.logger.info(
                'Mean absolute reward of the blocks still searched: '
                + '  '.join(f'{b} {r:.1e}' for b, r in zip(searched, mean))
            )


def searched_blocks(algorithm: DSNAS) -> list[str]:
    """Names of the blocks still searched, in the order of their rewards."""
    groups = algorithm.cost_table.groups
    return [block for name in algorithm.mutator.free for block in groups[name]]


@torch.no_grad()
def search_numbers(
    algorithm: DSNAS, before: Tensor, rewards: Tensor | None = None
) -> tuple[dict[str, float], dict[str, float]]:
    """Reads all numbers of one log back from the device at once.

    Args:
        algorithm (DSNAS): After the step of an iteration.
        before (Tensor): The mutator's ``probs()`` before it.
        rewards (Tensor, optional): Of the blocks still searched, in it.

    Returns:
        tuple[dict[str, float], dict[str, float]]: Of the search as a whole, and by
        block; docs/en/user_guides/logs.md says what each is.
    """
    table, mutator = algorithm.cost_table, algorithm.mutator
    term, probs = algorithm.cost_term, mutator.probs()
    names = [n for n in {'flops': 0, **term.limits} if not COSTS[n].peak]
    none = probs.new_empty(0)
    parts = [
        torch.stack([expected_cost(probs, table.matrix(n).to(probs)) for n in names]),
        F.entropy(probs),
        F.kl(before, probs),
        none if rewards is None else rewards,
        none if term.multipliers is None else term.multipliers.values,
    ]
    # Split on the host, where it was copied to in one go.
    together = torch.cat([part.double() for part in parts]).cpu()
    split = together.split([len(part) for part in parts])
    means, entropy, kl, reward, multipliers = (part.tolist() for part in split)
    state = {
        **{COSTS[n].expected: table.fixed_part[n] + m for n, m in zip(names, means)},
        'sampled_mflops': table.cost(mutator.current_choices)['flops'],
        'entropy': sum(entropy) / len(entropy),
        'fixed_blocks': len(table.blocks) - len(searched_blocks(algorithm)),
    }
    state.update({f'multiplier_{n}': v for n, v in zip(term.limits, multipliers)})
    by_block = {'total_entropy': sum(entropy)}
    for blocks, h, divergence in zip(table.groups.values(), entropy, kl):
        for block in blocks:
            by_block[f'entropy/{block}'] = h
            by_block[f'kl/{block}'] = divergence
    for block, r in zip(searched_blocks(algorithm), reward):
        if math.isfinite(r):
            by_block[f'reward/{block}'] = r
    return state, by_block


@torch.no_grad()
def probabilities(algorithm: DSNAS) -> dict[str, float]:
    """``prob/<block>/<candidate>`` of every candidate; 0 and 1 in a fixed block."""
    mutator, groups = algorithm.mutator, algorithm.cost_table.groups
    return {
        f'prob/{block}/{choice}': value
        for (name, blocks), row in zip(groups.items(), mutator.probs().tolist())
        for block in blocks
        for choice, value in zip(mutator.choices(name), row)
    }
