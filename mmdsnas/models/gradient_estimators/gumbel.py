import torch
from torch import Tensor

from mmdsnas.registry import TASK_UTILS
from mmdsnas.utils.options import Positive, checked_options
from ..mutables.one_hot_mutable_op import Gate, one_hot_gate
from ..mutators.path_sample import PathSample
from .base import GateEstimator


class GumbelEstimator(GateEstimator):
    """An estimator with a temperature that changes linearly over the search stage.

    Args:
        tau_start (float): Temperature at the start of the search stage.
        tau_end (float): And at its end.
    """

    def __init__(self, tau_start: float, tau_end: float) -> None:
        super().__init__()
        self.tau_start = tau_start
        self.tau_end = tau_end

    def soft_sample(self, sample: PathSample) -> Tensor:
        """Gumbel-softmax sample (Jang et al. 2017) whose argmax is the sampled path.

        Returns:
            Tensor: Rows that sum to 1, shape ``(num_groups, max_choices)``, with the
            graph to ``alpha``.
        """
        tau = self.tau_start + (self.tau_end - self.tau_start) * self.progress
        return ((sample.log_probs + sample.gumbels()) / tau).softmax(-1)


@TASK_UTILS.register_module()
class GDASGradient(GumbelEstimator):
    """Hard Gumbel-softmax samples (Dong and Yang, GDAS, CVPR 2019).

    One candidate is executed. Backward, ``alpha`` gets the gradient of the soft
    sample ``s = softmax((log p + Gumbel noise) / temperature)`` at the sampled
    candidate, ``<dL/dy, y_k> grad s_k``: straight-through, without the candidates
    that were not executed, as in the paper's acceleration.
    """

    @checked_options
    def __init__(self, tau_start: Positive = 10.0, tau_end: Positive = 0.1) -> None:
        super().__init__(tau_start, tau_end)

    def gates(self, sample: PathSample) -> list[Gate]:
        soft = self.soft_sample(sample)
        chosen = torch.tensor(sample.chosen).to(soft.device, non_blocking=True)
        scores = soft.gather(1, chosen[:, None]).squeeze(1)
        return self.scored_gates(one_hot_gate, sample, scores)
