from functools import partial
from typing import Any, List

from torch import Tensor

from mmdsnas.registry import TASK_UTILS
from ..mutables import OneHotMutableOP, map_tensors
from ..mutables.functional import gate
from ..mutables.one_hot_mutable_op import Gate
from ..mutators.path_sample import PathSample
from .base import GateEstimator


def one_hot_gate(
    choice: str, score: Tensor, block: OneHotMutableOP, /, *args: Any, **kwargs: Any
) -> Any:
    """Executes one candidate; its score gets the paper's reward.

    Args:
        choice (str): The sampled candidate.
        score (Tensor): Gets ``<dL/dy, y>``, shape ``()``.
        block (OneHotMutableOP): The block.
        *args (Any): Its inputs.
        **kwargs (Any): And those that are given by name.
    """
    y = block.execute(choice, *args, **kwargs)
    return map_tensors(partial(gate, score=score), y)


@TASK_UTILS.register_module()
class DSNASGradient(GateEstimator):
    """The paper's estimator (Hu et al., CVPR 2020, section 3.3).

    ``alpha`` of a block gets ``<dL/dy, y> * (onehot - p)``, where ``y`` is
    the output of the sampled candidate.

    Caveat: a block whose output reaches the loss only through convolutions
    followed by train-mode BatchNorm is scale-invariant, so that its reward is
    zero up to BatchNorm's eps. Search configs use an eps of 0.01 for that
    reason.
    """

    def gates(self, sample: PathSample) -> List[Gate]:
        scores = sample.log_prob(sample.chosen)
        return self.scored_gates(one_hot_gate, sample, scores, sample.chosen)
