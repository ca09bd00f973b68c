from typing import Optional

import torch.nn as nn
import torch.nn.functional as F
from torch import Tensor

from mmdsnas.registry import MODELS
from mmdsnas.utils.options import NonNegative, Probability, checked_options


@MODELS.register_module()
class SmoothCrossEntropy(nn.Module):
    """torch's cross entropy with label smoothing, as a loss of mmcls's heads.

    mmcls's ``LabelSmoothLoss`` is the same function on smoothed labels in float32,
    which it builds for every batch.

    Args:
        label_smooth_val (float): How much of a label is spread over all classes.
        loss_weight (float): Factor of the loss.
    """

    @checked_options
    def __init__(
        self, label_smooth_val: Probability = 0.1, loss_weight: NonNegative = 1.0
    ) -> None:
        super().__init__()
        self.label_smooth_val = label_smooth_val
        self.loss_weight = loss_weight

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        avg_factor: Optional[float] = None,
        **kwargs,
    ) -> Tensor:
        """Mean loss of a batch; ``avg_factor`` divides in place of its size.

        Logits have the shape ``(n, num_classes)``, and so have labels, unless they are
        class indices ``(n, )``.
        """
        total = F.cross_entropy(
            cls_score, label, label_smoothing=self.label_smooth_val, reduction='sum'
        )
        return self.loss_weight * total / (avg_factor or len(cls_score))
