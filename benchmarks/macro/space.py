"""The search space of NAS-Bench-Macro (Su et al., CVPR 2021, arXiv 2103.11922).

Eight layers in stages of two, three and three. A layer is an inverted residual block,
or a shortcut: nothing at all where it may be. Six of the eight can so be left out,
which is depth.
"""

import torch.nn as nn
from mmcls.models.utils import InvertedResidual
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor

from mmdsnas.registry import MODELS

# As in the search configs, see docs/en/method.md; BatchNorm's eps costs nothing.
NORM = dict(type='BN', eps=0.01)
ACT = dict(type='ReLU6')
LAYERS, STEM, LAST = (2, 3, 3), 32, 1280


@MODELS.register_module()
class MacroBlock(InvertedResidual):
    """mmcls's block, given its expansion.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): Stride of the depthwise convolution.
        kernel_size (int): Its size.
        expansion (int): Its channels, in those of the input.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        stride: int,
        kernel_size: int,
        expansion: int,
    ) -> None:
        super().__init__(
            in_channels,
            out_channels,
            expansion * in_channels,
            kernel_size,
            stride,
            norm_cfg=NORM,
            act_cfg=ACT,
        )


@MODELS.register_module()
class MacroShortcut(nn.Module):
    """Nothing; a 1x1 convolution with BatchNorm where stride or channels change.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): Stride.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        if stride != 1 or in_channels != out_channels:
            self.layer: nn.Module = ConvModule(
                in_channels, out_channels, 1, stride, norm_cfg=NORM, act_cfg=None
            )
        else:
            self.layer = nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x)


@MODELS.register_module()
class MacroBackbone(BaseModule):
    """Stem, layers and a last convolution, for images of 32 pixels.

    The first layer of a stage has stride 2 and doubles the channels.

    Args:
        block (dict): Config of a layer; gets ``in_channels``, ``out_channels`` and
            ``stride`` as ``module_kwargs``.
    """

    def __init__(self, block: dict) -> None:
        super().__init__()
        inner, layers = STEM, []
        for number in LAYERS:
            for place in range(number):
                outer, stride = (inner, 1) if place else (2 * inner, 2)
                sizes = dict(in_channels=inner, out_channels=outer, stride=stride)
                layers.append(MODELS.build(dict(block, module_kwargs=sizes)))
                inner = outer
        self.stem = ConvModule(3, STEM, 3, padding=1, norm_cfg=NORM, act_cfg=ACT)
        self.layers = nn.Sequential(*layers)
        self.last = ConvModule(inner, LAST, 1, norm_cfg=NORM, act_cfg=ACT)

    def forward(self, x: Tensor) -> tuple:
        """Feature map of the last convolution, in a tuple as heads expect it."""
        return (self.last(self.layers(self.stem(x))),)
