from mmdsnas.registry import TASK_UTILS
from ..mutables.one_hot_mutable_op import Gate, one_hot_gate
from ..mutators.path_sample import PathSample
from .base import GateEstimator


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

    def gates(self, sample: PathSample) -> list[Gate]:
        return self.scored_gates(one_hot_gate, sample, sample.log_prob(sample.chosen))
