from typing import Annotated, Sequence

import torch
from mmengine.dist import all_reduce
from pydantic import Field
from torch import Tensor

from mmdsnas.registry import TASK_UTILS
from mmdsnas.utils.options import Positive, checked_options
from ..mutators.path_sample import PathSample
from .base import BaseGradientEstimator, Losses, Task, add_gradient, total_loss

# Losses of 0 that each effect has besides, as in ridge regression; the mean has few.
RIDGE, RIDGE_OF_MEAN = 1.0, 1e-6


def additive_fit(moments: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Fits losses of paths by a sum of effects, one of each candidate on the path.

    Args:
        moments (Tensor): Weighted sum of the outer products of rows, shape
            ``(K + 2, K + 2)``. The row of a path: which of the K candidates it has, as
            zeros and ones, then a 1, and its loss.

    Returns:
        tuple: The effects, by least squares, shape ``(K, )``; their covariance, in
        units of the variance of a loss, shape ``(K, K)``; and that variance, infinite
        where there are no more losses than effects. Where weights are below 1 the
        covariance is an upper bound: of losses with the square roots of the weights.
    """
    moments = moments.double()
    inner, ridge = moments[:-1, :-1], moments.new_full((len(moments) - 1,), RIDGE)
    ridge[-1] = RIDGE_OF_MEAN
    inverse = torch.linalg.inv_ex(inner + ridge.diag())[0]
    found = inverse @ moments[:-1, -1]
    residual = torch.cat([found, -found.new_ones(1)])
    used = (inner.diagonal()[:-1] > 0).sum()
    variance = residual @ moments @ residual / (inner[-1, -1] - used).clamp(min=0)
    return found[:-1], inverse[:-1, :-1], variance


@TASK_UTILS.register_module()
class AdditiveGradient(BaseGradientEstimator):
    """The gradient of the expected loss, as if the effects of candidates added up.

    The losses of sampled paths are fitted by a sum of effects ``q``, one of each
    candidate (Cho et al. 2019, arXiv 1906.02869, have products of them, too). ``alpha``
    gets the gradient of the expected ``q`` minus the entropy times a temperature, whose
    minimum is ``log p = -q / temperature``. A step costs no second path. The score
    function learns from each loss once, this from the last ones together.

    Args:
        memory (int): How many of the last steps count, for each candidate of the
            search space, at least 2; a step counts the less the longer ago it was.
        temperature (float): Nats of the loss that make a candidate e times less
            probable in the end; the larger, the more is explored.
    """

    moments: Tensor

    @checked_options
    def __init__(
        self, memory: Annotated[int, Field(ge=2)] = 20, temperature: Positive = 1.0
    ) -> None:
        super().__init__()
        self.memory, self.temperature = memory, temperature
        self.register_buffer('moments', torch.zeros(2, 2, dtype=torch.float64))
        self._shape = 0, 0

    def prepare(self, num_groups: int, max_choices: int) -> None:
        """See the base class."""
        self._shape = num_groups, max_choices
        size = num_groups * max_choices + 2
        self.moments = self.moments.new_zeros(size, size)

    def forward(self, sample: PathSample, task: Task) -> Losses:
        losses = task()
        self._remember(sample.whole, total_loss(losses).detach())
        effects = self.effects()[sample.places].to(sample.log_probs)
        probs = sample.log_probs.exp()
        means = (probs * effects).sum(1)
        self._keep_effects(means, sample, effects)
        # Padding is minus infinity.
        log_probs = sample.log_probs.masked_fill(probs == 0, 0.0)
        entropy = -(probs * log_probs).sum()
        return add_gradient(losses, means.sum() - self.temperature * entropy)

    def difference(
        self, path: Sequence[int], other: Sequence[int]
    ) -> tuple[float, float]:
        """How much larger the loss of a path is, and the standard error at most.

        Both are in nats.

        Args:
            path (Sequence[int]): Index of the candidate of each group.
            other (Sequence[int]): The same of another one.
        """
        effects, covariance, variance = additive_fit(self.moments)
        apart = (self._row(path) - self._row(other))[:-2].double()
        error = (apart @ covariance @ apart * variance).sqrt()
        return float(apart @ effects), float(error)

    def effects(self) -> Tensor:
        """The effects of candidates, in nats, shape ``(num_groups, max_choices)``."""
        return additive_fit(self.moments)[0].view(self._shape)

    def _keep_effects(self, means: Tensor, sample: PathSample, effects: Tensor) -> None:
        """Keeps by how much sampled candidates are worse than the mean of their group.

        They are the rewards: times what the loss is multiplied by.
        """
        index = torch.tensor(sample.chosen).to(effects.device, non_blocking=True)
        worse = effects.gather(1, index[:, None]).squeeze(1) - means.detach()

        def keep(grad: Tensor) -> None:
            self.block_rewards = sample.by_block(grad.detach() * worse)

        if means.requires_grad:
            means.register_hook(keep)

    def _remember(self, path: Sequence[int], loss: Tensor) -> None:
        row = self._row(path)
        row[-1] = loss
        new = row.outer(row)
        all_reduce(new)
        kept = 1 - 1 / (self.memory * (len(row) - 2))
        # A loss that is not finite leaves no trace: its step is left out.
        moved = kept * self.moments + new
        self.moments.copy_(torch.where(new.isfinite().all(), moved, self.moments))

    def _row(self, path: Sequence[int]) -> Tensor:
        num_groups, max_choices = self._shape
        row = self.moments.new_zeros(len(self.moments))
        places = [g * max_choices + k for g, k in enumerate(path)]
        row[torch.tensor(places).to(row.device, non_blocking=True)] = 1
        row[-2] = 1
        return row
