"""The search space of the quality benchmark: a plain chain of blocks.

Nothing bypasses a block, and each ends in BatchNorm: the case that is hardest for
the paper's estimator.
"""

from typing import Sequence

import torch.nn as nn
from mmengine.model import BaseModule
from torch import Tensor

from mmdsnas.registry import MODELS

# As in the search configs, see docs/en/method.md.
BN_EPS = 0.01


@MODELS.register_module()
class ChainConv(nn.Sequential):
    """Convolution, BatchNorm and ReLU.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): Stride of the convolution.
        kernel_size (int): Its size.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, kernel_size: int
    ) -> None:
        super().__init__(
            nn.Conv2d(
                in_channels,
                out_channels,
                kernel_size,
                stride,
                kernel_size // 2,
                bias=False,
            ),
            nn.BatchNorm2d(out_channels, eps=BN_EPS),
            nn.ReLU(),
        )


@MODELS.register_module()
class ChainSepConv(nn.Sequential):
    """Depthwise and pointwise convolution, BatchNorm and ReLU.

    Args:
        in_channels (int): Channels of the input.
        out_channels (int): Channels of the output.
        stride (int): Stride of the depthwise convolution.
        kernel_size (int): Its size.
    """

    def __init__(
        self, in_channels: int, out_channels: int, stride: int, kernel_size: int
    ) -> None:
        super().__init__(
            nn.Conv2d(
                in_channels,
                in_channels,
                kernel_size,
                stride,
                kernel_size // 2,
                groups=in_channels,
                bias=False,
            ),
            nn.Conv2d(in_channels, out_channels, 1, bias=False),
            nn.BatchNorm2d(out_channels, eps=BN_EPS),
            nn.ReLU(),
        )


@MODELS.register_module()
class ChainBackbone(BaseModule):
    """A stem of stride 2 and blocks in a row.

    Args:
        block (dict): Config of a block; gets ``in_channels``, ``out_channels`` and
            ``stride`` as ``module_kwargs``.
        channels (Sequence[int]): Channels of the stem and of each block.
        strides (Sequence[int]): Stride of each block.
    """

    def __init__(
        self, block: dict, channels: Sequence[int], strides: Sequence[int]
    ) -> None:
        super().__init__()
        self.stem = ChainConv(3, channels[0], 2, 3)
        self.layers = nn.Sequential(
            *[
                MODELS.build(
                    dict(
                        block,
                        module_kwargs=dict(
                            in_channels=inner, out_channels=outer, stride=stride
                        ),
                    )
                )
                for inner, outer, stride in zip(channels, channels[1:], strides)
            ]
        )

    def forward(self, x: Tensor) -> tuple:
        """Feature map of the last block, in a tuple as heads expect it."""
        return (self.layers(self.stem(x)),)
