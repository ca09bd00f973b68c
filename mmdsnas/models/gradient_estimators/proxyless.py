from typing import List

from mmdsnas.registry import TASK_UTILS
from ..mutables.one_hot_mutable_op import Gate
from ..mutators.path_sample import PathSample
from .base import GateEstimator
from .counterfactual import comparing_gate


@TASK_UTILS.register_module()
class ProxylessGradient(GateEstimator):
    """Binary gates of ProxylessNAS (Cai et al., ICLR 2019, section 3.2).

    Each block has two paths, the sampled one ``k`` and another one ``j`` drawn from
    the rest of ``p``, whose output is computed without a graph. With ``q`` the
    softmax of the two logits, ``alpha_k`` gets ``q_k q_j (<dL/dy, y_k> -
    <dL/dy, y_j>)`` and ``alpha_j`` the negative of it.

    Not taken over: the draw of two paths without replacement, of which ``q`` makes one
    the active one (here it is drawn from ``p``, and the other from the rest); the
    rescaling of the two logits after a step, which keeps the other probabilities
    exactly where they were, and the alternation of weight steps and steps of ``alpha``
    on held-out batches (see ``HeldOutBatchHook``).
    """

    def gates(self, sample: PathSample) -> List[Gate]:
        other = sample.other(different=True)
        scores = (sample.log_prob(sample.chosen) - sample.log_prob(other)).sigmoid()
        return self.scored_gates(comparing_gate, sample, scores, other)
