"""The space of NAS-Bench-Macro as an own search space (Su et al., CVPR 2021).

Its authors trained all of its 6,561 networks on CIFAR-10, three times each: arXiv
2103.11922, section 4.1. Eight blocks in stages of 2, 3 and 3; the first of a stage
halves the resolution and doubles the channels.
"""

import torch.nn as nn
from mmcls.models.utils import InvertedResidual
from mmcv.cnn import ConvModule
from mmengine.model import BaseModule
from torch import Tensor

from mmdsnas.registry import MODELS

# As in the search configs, see docs/en/method.md.
NORM = dict(type='BN', eps=0.01)
STAGES, CHANNELS, LAST = (2, 3, 3), 32, 1280


@MODELS.register_module()
class MacroShortcut(nn.Sequential):
    """The identity; where shapes change a 1x1 convolution with BatchNorm.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): Stride of the convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, stride: int) -> None:
        layers = []
        if stride != 1 or in_channels != out_channels:
            sizes = in_channels, out_channels, 1, stride
            layers = [ConvModule(*sizes, norm_cfg=NORM, act_cfg=None)]
        super().__init__(*layers)


@MODELS.register_module()
class MacroInvertedResidual(InvertedResidual):
    """An inverted residual block.

    Args:
        in_channels (int): Channels of the input.
        expansion (int): Channels between, in those of the input.
        **kwargs: See mmcls's class.
    """

    def __init__(self, in_channels: int, expansion: int, **kwargs) -> None:
        middle = expansion * in_channels
        super().__init__(in_channels, mid_channels=middle, norm_cfg=NORM, **kwargs)


@MODELS.register_module()
class MacroBackbone(BaseModule):
    """A stem, three stages of blocks, and a 1x1 convolution.

    Args:
        block (dict): Config of a block; gets ``in_channels``, ``out_channels`` and
            ``stride`` as ``module_kwargs``.
    """

    def __init__(self, block: dict) -> None:
        super().__init__()
        self.stem, layers, inner = (
            ConvModule(3, CHANNELS, 3, padding=1, norm_cfg=NORM),
            [],
            CHANNELS,
        )
        for number in STAGES:
            for stride in (2, *[1] * (number - 1)):
                outer = inner * stride
                sizes = dict(in_channels=inner, out_channels=outer, stride=stride)
                layers.append(MODELS.build(dict(block, module_kwargs=sizes)))
                inner = outer
        self.layers = nn.Sequential(*layers)
        self.last = ConvModule(inner, LAST, 1, norm_cfg=NORM)

    def forward(self, x: Tensor) -> tuple:
        """Feature map of the last convolution, in a tuple as heads expect it."""
        return (self.last(self.layers(self.stem(x))),)
