"""The authors' network, ShuffleNetV2 with blocks of their own, and its loss.

The blocks differ from OpenMMLab's in two points: the channels are split by parity
before the block instead of shuffled after it, and the second branch of a
stride-2 block keeps the width of its input. The layers have the positions that
they have in the authors' checkpoints.
"""

from typing import Annotated, Literal

import torch
import torch.nn as nn
from mmcls.models.heads import LinearClsHead
from mmcv.cnn import build_norm_layer
from mmrazor.models.architectures import SearchableShuffleNetV2
from mmrazor.models.architectures.ops.base import BaseOP
from pydantic import Field, Strict
from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.registry import MODELS
from mmdsnas.utils.options import (
    Channels,
    Items,
    NonNegative,
    Probability,
    checked_options,
)

# Channels and number of blocks of the stages.
STAGES = ((64, 4), (160, 4), (320, 8), (640, 4))
CANDIDATES = dict(
    shuffle_3x3=dict(type='mmdsnas.OfficialShuffleBlock', kernel_size=3),
    shuffle_5x5=dict(type='mmdsnas.OfficialShuffleBlock', kernel_size=5),
    shuffle_7x7=dict(type='mmdsnas.OfficialShuffleBlock', kernel_size=7),
    shuffle_xception=dict(type='mmdsnas.OfficialShuffleXception'),
)

_Blocks = Annotated[int, Field(ge=1, le=1000)]
# A list as well.
_Stage = Annotated[tuple[Channels, _Blocks], Strict(False)]


@MODELS.register_module()
class OfficialShuffleBlock(BaseOP):
    """ShuffleNet block of the authors: pointwise, depthwise, pointwise.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): 1 or 2.
        kernel_size (int): 3, 5 or 7 in the authors' network.
        norm_cfg (dict, optional): Config of the BatchNorm layers.
        init_cfg (dict, optional): See mmengine's ``BaseModule``.
    """

    @checked_options
    def __init__(
        self,
        in_channels: Channels,
        out_channels: Channels,
        stride: Literal[1, 2] = 1,
        kernel_size: Annotated[int, Field(ge=1, le=99)] = 3,
        norm_cfg: dict | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(in_channels, out_channels, stride, init_cfg=init_cfg)
        if not {1: in_channels == out_channels, 2: in_channels < out_channels}[stride]:
            raise ConfigError(
                f'{type(self).__name__} must have stride 1 and as many output as input '
                'channels, or stride 2 and more output than input channels, but got '
                f'stride {stride}, {in_channels} input and {out_channels} output '
                'channels.'
            )
        self.kernel_size = kernel_size
        self.norm_cfg = norm_cfg or dict(type='BN')
        if stride == 2:
            self.branch_proj = nn.Sequential(
                *self._depthwise(in_channels, stride),
                *self._pointwise(in_channels, in_channels),
            )
        # Channels that enter the main branch, those within, those that leave it.
        main_in = in_channels if stride == 2 else in_channels // 2
        layers = self._main_branch(main_in, out_channels // 2, out_channels - main_in)
        self.branch_main = nn.Sequential(*layers)

    def _main_branch(self, cin: int, mid: int, cout: int) -> list[nn.Module]:
        return [
            *self._pointwise(cin, mid),
            *self._depthwise(mid, self.stride),
            *self._pointwise(mid, cout),
        ]

    def _pointwise(self, cin: int, cout: int) -> list[nn.Module]:
        conv = nn.Conv2d(cin, cout, 1, bias=False)
        return [conv, build_norm_layer(self.norm_cfg, cout)[1], nn.ReLU(inplace=True)]

    def _depthwise(self, channels: int, stride: int) -> list[nn.Module]:
        k = self.kernel_size
        conv = nn.Conv2d(
            channels, channels, k, stride, k // 2, groups=channels, bias=False
        )
        return [conv, build_norm_layer(self.norm_cfg, channels)[1]]

    def forward(self, x: Tensor) -> Tensor:
        """Shape ``(n, in_channels, h, w)`` to ``(n, out_channels, h', w')``."""
        if self.stride == 2:
            return torch.cat([self.branch_proj(x), self.branch_main(x)], 1)
        return torch.cat([x[:, 0::2], self.branch_main(x[:, 1::2])], 1)


@MODELS.register_module()
class OfficialShuffleXception(OfficialShuffleBlock):
    """Xception block of the authors: three times depthwise, pointwise."""

    def _main_branch(self, cin: int, mid: int, cout: int) -> list[nn.Module]:
        return [
            *self._depthwise(cin, self.stride),
            *self._pointwise(cin, mid),
            *self._depthwise(mid, 1),
            *self._pointwise(mid, mid),
            *self._depthwise(mid, 1),
            *self._pointwise(mid, cout),
        ]


@MODELS.register_module()
class OfficialShuffleNetV2(SearchableShuffleNetV2):
    """The supernet of the authors' code (Hu et al., CVPR 2020, section 4.2).

    It differs from OpenMMLab's ShuffleNetV2 in its blocks; stem, last layer and initial
    weights are those of MMRazor's ``SearchableShuffleNetV2``. A child of it is built by
    ``sub_model``.

    Args:
        stages (Sequence[tuple[int, int]]): Output channels and number of
            blocks of each stage, whose first block has stride 2.
        candidates (dict[str, dict], optional): Configs of the candidate
            operations by name; by default the authors' four.
        norm_cfg (dict, optional): Config of all BatchNorm layers, by default
            with the authors' ``eps`` of 0.01; they retrain with 1e-5.
        **kwargs: Other arguments of ``SearchableShuffleNetV2``:
            ``stem_multiplier``, ``widen_factor``, ``out_indices``, ...
    """

    @checked_options
    def __init__(
        self,
        stages: Items[_Stage] = STAGES,
        candidates: Annotated[dict[str, dict], Field(min_length=1)] | None = None,
        norm_cfg: dict | None = None,
        **kwargs,
    ) -> None:
        norm_cfg = norm_cfg or dict(type='BN', eps=0.01)
        mutable = dict(
            type='mmdsnas.OneHotMutableOP',
            candidates={
                name: {'norm_cfg': norm_cfg, **config}
                for name, config in (candidates or CANDIDATES).items()
            },
        )
        super().__init__(
            arch_setting=[[*stage, mutable] for stage in stages],
            norm_cfg=norm_cfg,
            **kwargs,
        )


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
        num_classes: Annotated[int, Field(ge=1, le=10**6)] | None,
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

    def pre_logits(self, feats: tuple[Tensor]) -> Tensor:
        """Features that the classifier gets, shape ``(n, in_channels)``."""
        return self.dropout(super().pre_logits(feats))


@MODELS.register_module()
class SmoothCrossEntropy(nn.CrossEntropyLoss):
    """torch's cross entropy with label smoothing, as a loss of mmcls's heads.

    mmcls's ``LabelSmoothLoss`` rounds the smoothed labels to float32.

    Args:
        label_smooth_val (float): How much of a label is spread over all classes.
        loss_weight (float): Factor of the loss.
    """

    @checked_options
    def __init__(
        self, label_smooth_val: Probability = 0.1, loss_weight: NonNegative = 1.0
    ) -> None:
        super().__init__(label_smoothing=label_smooth_val, reduction='sum')
        self.loss_weight = loss_weight

    def forward(
        self,
        cls_score: Tensor,
        label: Tensor,
        avg_factor: float | None = None,
        **kwargs,
    ) -> Tensor:
        """Mean loss of a batch; ``avg_factor`` divides in place of its size.

        Logits have the shape ``(n, num_classes)``, labels too unless they are indices.
        """
        total = super().forward(cls_score, label)
        return self.loss_weight * total / (avg_factor or len(cls_score))
