from typing import Annotated, Optional, Tuple

import torch.nn as nn
from mmcls.models.heads import LinearClsHead
from pydantic import Field
from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.registry import MODELS
from mmdsnas.utils.options import Channels, checked_options


@MODELS.register_module()
class BiasFreeClsHead(LinearClsHead):
    """A linear classifier without bias, as in the authors' network.

    Args:
        num_classes (int): Number of classes.
        in_channels (int): Channels of the pooled feature.
        dropout (float): Probability that a feature is dropped in training;
            0.1 is the authors' ``--use_dropout``.
        **kwargs: See mmcls's ``LinearClsHead``.
    """

    @checked_options
    def __init__(
        self,
        num_classes: Optional[Annotated[int, Field(ge=1, le=10**6)]],
        in_channels: Channels,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0,
        **kwargs,
    ) -> None:
        if num_classes is None:
            raise ConfigError(
                'num_classes of BiasFreeClsHead must be set; None is filled in by the '
                'command-line tools alone.'
            )
        super().__init__(num_classes, in_channels, **kwargs)
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(in_channels, num_classes, bias=False)

    def pre_logits(self, feats: Tuple[Tensor]) -> Tensor:
        """Features that the classifier gets, shape ``(n, in_channels)``."""
        return self.dropout(super().pre_logits(feats))
