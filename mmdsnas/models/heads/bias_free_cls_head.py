import torch.nn as nn
from mmcls.models.heads import LinearClsHead

from mmdsnas.registry import MODELS


@MODELS.register_module()
class BiasFreeClsHead(LinearClsHead):
    """A linear classifier without bias, as in the authors' network.

    Args:
        num_classes (int): Number of classes.
        in_channels (int): Channels of the pooled feature.
        **kwargs: See mmcls's ``LinearClsHead``.
    """

    def __init__(self, num_classes: int, in_channels: int, **kwargs) -> None:
        super().__init__(num_classes, in_channels, **kwargs)
        self.fc = nn.Linear(in_channels, num_classes, bias=False)
