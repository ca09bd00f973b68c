from abc import ABC, abstractmethod
from dataclasses import dataclass
from functools import partial
from typing import Callable, ContextManager, Sequence

import torch.nn as nn
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from ..batch_norm import forward_only
from ..mutables.one_hot_mutable_op import Gate
from ..mutators.path_sample import PathSample
from ..weights import take_what_fits

Losses = dict[str, Tensor]


@dataclass(frozen=True)
class Task:
    """One batch of the task, which a gradient estimator executes once or more.

    Args:
        losses (callable): Executes the supernet as its blocks stand: the sampled path,
            or what the gates make of it.
        layers (callable): Gives the supernet's BatchNorm layers.
    """

    losses: Callable[[], Losses]
    layers: Callable[[], Sequence[_BatchNorm]]

    def __call__(self) -> Losses:
        """Executes it once."""
        return self.losses()

    def forward_only(self) -> ContextManager[None]:
        """While open, it has no graph and leaves no trace in running statistics."""
        return forward_only(self.layers())


class BaseGradientEstimator(nn.Module, ABC):
    """How the architecture parameters ``alpha`` get their gradient.

    The algorithm is given one. It sees the blocks that are still searched, what was
    drawn for them and its log-probabilities, and executes the task once or more; it
    knows neither stages nor optimizers. The gradient comes with that of the weights,
    from one backward pass of the losses that :meth:`forward` returns.

    Attributes:
        block_rewards (Tensor, optional): What the scores of the sampled candidates
            got in the last backward pass, shape ``(num_blocks, )``, still multiplied
            by whatever the loss was multiplied by (loss scale, accumulation). None
            where candidates are mixed and not sampled.
        mixes (bool): Whether what a block executes differs from the sampled candidate,
            so that the weights are trained with it too.
        progress (float): From 0 in the first epoch of the search stage to 1 in its
            last; the algorithm sets it at the start of an epoch.
    """

    mixes = False

    def __init__(self) -> None:
        super().__init__()
        self.block_rewards: Tensor | None = None
        self.progress = 0.0

    def prepare(self, num_groups: int, max_choices: int) -> None:
        """Is told how large the search space is, before the first step.

        Args:
            num_groups (int): Search groups, those that are fixed included.
            max_choices (int): Most candidates of a group.
        """

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # A checkpoint may be of another estimator, which keeps other numbers or none.
        take_what_fits(self, state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)

    @abstractmethod
    def forward(self, sample: PathSample, task: Task) -> Losses:
        """Executes the supernet.

        Returns:
            dict[str, Tensor]: Losses of the task; with their gradient that of
            ``alpha`` is computed.
        """

    def keep_rewards(self, scores: Tensor, sample: PathSample | None = None) -> Tensor:
        """Lets the gradient of scores, by block, be kept as ``block_rewards``.

        With a ``sample`` the scores are by group.
        """

        def keep(grad: Tensor) -> None:
            grad = grad.detach()
            self.block_rewards = grad if sample is None else sample.by_block(grad)

        if scores.requires_grad:
            scores.register_hook(keep)
        return scores


class GateEstimator(BaseGradientEstimator):
    """An estimator that is in the gates of the blocks alone."""

    @abstractmethod
    def gates(self, sample: PathSample) -> list[Gate]:
        """What executes each block in this iteration, given it and its inputs."""

    def scored_gates(
        self, gate: Gate, sample: PathSample, scores: Tensor, *others: Sequence[int]
    ) -> list[Gate]:
        """Gates that give the scores, by group, their rewards, which are kept.

        A gate takes a candidate of each path, the score, the block and its inputs.
        Paths are the sampled one and ``others``, index of a candidate by group.
        """
        by_block = self.keep_rewards(sample.by_block(scores)).unbind()
        names = [sample.candidates(path) for path in (sample.chosen, *others)]
        return [partial(gate, *each) for each in zip(*names, by_block, strict=True)]

    def forward(self, sample: PathSample, task: Task) -> Losses:
        """Executes the task with the gates in the blocks.

        They are taken out afterwards, so that a model at rest holds no piece of an
        autograd graph and can be copied.
        """
        for block, gate in zip(sample.blocks, self.gates(sample), strict=True):
            block.gate = gate
        try:
            return task()
        finally:
            for block in sample.blocks:
                block.gate = None


class ScoreEstimator(BaseGradientEstimator):
    """An estimator that weighs the score ``grad log p(path)`` by an advantage."""

    def add_score(
        self, losses: Losses, sample: PathSample, scores: Tensor, advantage: Tensor
    ) -> Losses:
        """Gives ``alpha`` the gradient ``advantage * grad(sum of the scores)``.

        The scores, by group, have their graph. Of the losses, whose values stay, one
        gets the gradient too.
        """
        score = self.keep_rewards(scores, sample).sum()
        return add_gradient(losses, advantage.detach() * score)


def add_gradient(losses: Losses, value: Tensor) -> Losses:
    """Gives one of the losses the gradient of a value, too; their values stay."""
    name = next(name for name in losses if 'loss' in name)
    # So that logs show the task's loss.
    zero, loss = value - value.detach(), losses[name]
    if isinstance(loss, list):
        return {**losses, name: [loss[0] + zero, *loss[1:]]}
    return {**losses, name: loss + zero}


def total_loss(losses: Losses) -> Tensor:
    """What mmengine makes of losses: the sum of their means, shape ``()``."""
    values = [value for name, value in losses.items() if 'loss' in name]
    lists = [value if isinstance(value, list) else [value] for value in values]
    return sum(sum(part.mean() for part in parts) for parts in lists)
