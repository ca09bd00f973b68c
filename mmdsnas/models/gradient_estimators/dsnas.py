from torch import Tensor

from mmdsnas.registry import TASK_UTILS
from .base import BaseGradientEstimator
from .functional import gate


@TASK_UTILS.register_module()
class DSNASGradient(BaseGradientEstimator):
    """The paper's estimator (Hu et al., CVPR 2020, section 3.3).

    ``alpha`` of a block gets ``<dL/dy, y> * (onehot - p)``, where ``y`` is
    the output of the sampled candidate.

    Caveat: a block whose output reaches the loss only through convolutions
    followed by train-mode BatchNorm is scale-invariant, so that its reward is
    zero up to BatchNorm's eps. Search configs use an eps of 0.01 for that
    reason.
    """

    def gate(self, y: Tensor, log_prob: Tensor) -> Tensor:
        return gate(y, log_prob)
