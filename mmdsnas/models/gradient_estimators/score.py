from typing import Annotated

import torch
from mmengine.dist import all_reduce
from pydantic import Field
from torch import Tensor

from mmdsnas.registry import TASK_UTILS
from mmdsnas.utils.options import checked_options
from ..mutators.path_sample import PathSample
from .base import Losses, ScoreEstimator, Task, total_loss


@TASK_UTILS.register_module()
class ScoreFunctionGradient(ScoreEstimator):
    """REINFORCE with a moving baseline (Williams 1992).

    ``alpha`` gets ``(L - b) * grad log p(path)`` with ``b`` the moving average of the
    losses of all ranks so far. Exact on average, whatever lies behind the block, and
    as cheap as the paper's estimator; its noise is that of the whole loss.

    Args:
        momentum (float): Weight of the old average, see ``b = momentum * b +
            (1 - momentum) * L``.
    """

    baseline: Tensor

    @checked_options
    def __init__(self, momentum: Annotated[float, Field(ge=0, lt=1)] = 0.9) -> None:
        super().__init__()
        self.momentum = momentum
        # NaN until there is a loss, whose advantage is then 0.
        self.register_buffer('baseline', torch.tensor(float('nan')))

    def forward(self, sample: PathSample, task: Task) -> Losses:
        losses = task()
        loss = total_loss(losses).detach()
        mean = loss.clone()
        all_reduce(mean, op='mean')
        baseline = torch.where(self.baseline.isnan(), mean, self.baseline)
        moved = baseline + (1 - self.momentum) * (mean - baseline)
        # A loss that is not finite leaves no trace: its step is left out.
        self.baseline.copy_(torch.where(mean.isfinite(), moved, self.baseline))
        scores = sample.log_prob(sample.chosen)
        return self.add_score(losses, sample, scores, loss - baseline)
