"""A search space out of a network of inverted residual blocks."""

import copy
from functools import partial
from typing import Annotated, Sequence

import torch.nn as nn
from mmcls.models.backbones.mobilenet_v2 import InvertedResidual as MobileNetV2Block
from mmcls.models.utils import InvertedResidual, SELayer, make_divisible
from pydantic import AfterValidator, Field
from torch.nn.modules.batchnorm import _BatchNorm

from mmdsnas.errors import ConfigError
from mmdsnas.registry import MODELS
from mmdsnas.utils.options import PartConfig, checked_options
from .elastic_weights import BlockWeights, share_out
from .mutables import ElasticMutableOP, blocks_of
from .mutables.weight_parts import part_index
from .pretrained import convert_when_loaded
from .weights import shortened

BLOCKS = (InvertedResidual, MobileNetV2Block)
# Channels are multiples of it: what CPUs and accelerators compute in one go.
DIVISOR = 8
NORM_TENSORS = ('weight', 'bias', 'running_mean', 'running_var')


def _odd(kernel: int) -> int:
    # The centre of an odd kernel is odd.
    if kernel % 2 == 0:
        raise ValueError('be odd')
    return kernel


Expansion = Annotated[float, Field(gt=0, le=16)]
Kernel = Annotated[int, Field(ge=1, le=15), AfterValidator(_odd)]


@MODELS.register_module()
@checked_options
def elastic_blocks(
    backbone: nn.Module | PartConfig,
    expansions: Sequence[Expansion] = (4, 3, 2),
    kernels: Sequence[Kernel] = (3, 5),
    skip: bool = True,
) -> nn.Module:
    """Makes the inverted residual blocks of a network searchable.

    The candidates of a block are the block itself (``full``), smaller ones that share
    its weights, see ``ElasticMutableOP`` (``e4``: expansion 4; ``e4_k3``: with a kernel
    of 3, too), and the identity where it has a shortcut (``skip``). Weights of the
    network as it was, of ``init_cfg`` or ``load_from``, are loaded as they are: the
    middle channels of each block are then, as here, sorted by their importance, the
    sum of the absolute weights that project them (Cai et al. 2020, section 3.3), and
    every candidate gets its part of the normalization.

    Args:
        backbone (dict | nn.Module): The network, e.g. mmcls's ``MobileNetV2``.
        expansions (Sequence[float]): Middle channels of smaller candidates, by the
            input channels; rounded to multiples of 8.
        kernels (Sequence[int]): Kernels that a block with a larger one may have.
        skip (bool): Whether blocks can be left out.

    Returns:
        nn.Module: The network; the names of its modules stay, but for candidates.

    Raises:
        ConfigError: It has other blocks, no block has a choice, or no expansion is
            smaller than that of a block.

    Examples:
        >>> network = elastic_blocks(dict(type='mmcls.MobileNetV2'), expansions=[3])
        >>> network.layer2[1].choices
        ['full', 'e3', 'skip']
    """
    network = backbone if isinstance(backbone, nn.Module) else MODELS.build(backbone)
    blocks = _blocks_of(network)
    for block in blocks.values():
        # Those of a network that is given may be trained.
        block.load_state_dict(weights_of(block).sorted(block.state_dict()))
    choices = {n: _candidates(b, expansions, kernels, skip) for n, b in blocks.items()}
    searched = {n: found for n, found in choices.items() if len(found) > 1}
    names = {name for found in choices.values() for name in found}
    if expansions and not any(name.startswith('e') for name in names):
        raise ConfigError(
            'expansions of elastic_blocks must have one that is below those of the '
            f'blocks of {type(network).__name__}, {_expansions(blocks)}, but are '
            f'{list(expansions)}.'
        )
    if not searched:
        raise ConfigError(
            'elastic_blocks must leave a block a choice, but with '
            f'expansions={list(expansions)}, kernels={list(kernels)}, skip={skip} '
            f'{shortened(list(blocks))} have no candidate but themselves.'
        )
    weights = {name: weights_of(blocks[name]) for name in searched}
    for name, candidates in searched.items():
        parent, _, last = name.rpartition('.')
        op = ElasticMutableOP(nn.ModuleDict(candidates))
        setattr(network.get_submodule(parent), last, op)
    convert_when_loaded(network, partial(share_out, weights))
    return network


def _blocks_of(network: nn.Module) -> dict[str, nn.Module]:
    """The inverted residual blocks by name; ``ConfigError`` if they are others."""
    kind = type(network).__name__
    blocks = {n: m for n, m in network.named_modules() if isinstance(m, BLOCKS)}
    if blocks_of(network) or not blocks:
        has = 'is searchable already' if blocks else 'has none'
        raise ConfigError(
            'backbone of elastic_blocks must be a network with inverted residual '
            f'blocks, e.g. mmcls.MobileNetV2 or EfficientNetLite, but {kind} {has}.'
        )
    for name, block in blocks.items():
        if part := _unknown_part(block):
            raise ConfigError(
                'backbone of elastic_blocks must have blocks of an expanding, a '
                'depthwise and a projecting convolution and BatchNorm, without '
                f'attention, but block {name} of {kind} has a {part}.'
            )
    return blocks


def _unknown_part(block: nn.Module) -> str | None:
    """The class of what a block has besides, if there is something."""
    for module in block.modules():
        known = isinstance(module, (nn.Conv2d, _BatchNorm))
        has_weights = any(True for _ in module.parameters(recurse=False))
        if isinstance(module, SELayer) or (has_weights and not known):
            return type(module).__name__
    groups = [conv.groups for conv in convolutions(block) if conv is not None]
    channels = convolutions(block)[1].out_channels
    return None if groups in ([1, channels, 1], [channels, 1]) else 'grouped Conv2d'


def _expansions(blocks: dict[str, nn.Module]) -> str:
    found = set()
    for block in blocks.values():
        expand, depthwise, _ = convolutions(block)
        if expand is not None:
            found.add(depthwise.out_channels / expand.in_channels)
    return ', '.join(f'{expansion:g}' for expansion in sorted(found)) or 'of which none'


def _candidates(
    block: nn.Module, expansions: Sequence[float], kernels: Sequence[int], skip: bool
) -> dict[str, nn.Module]:
    expand, depthwise, project = convolutions(block)
    inputs, middle = (expand or depthwise).in_channels, depthwise.out_channels
    kernel = depthwise.kernel_size[0]
    sizes = {middle: 'full'}
    for expansion in sorted(expansions, reverse=True) if expand is not None else ():
        channels = make_divisible(expansion * inputs, DIVISOR)
        if channels < middle:
            sizes.setdefault(channels, f'e{expansion:g}'.replace('.', '_'))
    smaller = [k for k in sorted(set(kernels), reverse=True) if k < kernel]
    candidates = {}
    for channels, name in sizes.items():
        is_whole = channels == middle
        candidates[name] = block if is_whole else shrunk(block, channels, kernel)
        for k in smaller:
            candidates[f'{name}_k{k}'] = shrunk(block, channels, k)
    if skip and inputs == project.out_channels and set(depthwise.stride) == {1}:
        candidates['skip'] = nn.Identity()
    return candidates


def convolutions(block: nn.Module) -> tuple[nn.Conv2d | None, nn.Conv2d, nn.Conv2d]:
    """Expanding (if any), depthwise, projecting convolution of an inverted residual."""
    convs = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    expand, depthwise, project = [None, *convs][-3:]
    return expand, depthwise, project


def shrunk(block: nn.Module, channels: int, kernel: int) -> nn.Module:
    """A copy of an inverted residual block with fewer middle channels.

    Args:
        block (nn.Module): The block.
        channels (int): Middle channels; the first ones are taken.
        kernel (int): Of the depthwise convolution; the centre is taken.
    """
    small = copy.deepcopy(block)
    expand, depthwise, project = convolutions(small)
    less = (depthwise.kernel_size[0] - kernel) // 2
    if expand is not None:
        expand.out_channels = channels
    depthwise.in_channels = depthwise.out_channels = depthwise.groups = channels
    depthwise.kernel_size = (kernel, kernel)
    # Where the convolution pads by itself, it has none.
    depthwise.padding = tuple(max(p - less, 0) for p in depthwise.padding)
    project.in_channels = channels
    for conv in filter(None, (expand, depthwise, project)):
        inputs = conv.in_channels // conv.groups
        _cut(conv, 'weight', (conv.out_channels, inputs, *conv.kernel_size))
        _cut(conv, 'bias', (conv.out_channels,))
    for norm in _middle_norms(small):
        norm.num_features = channels
        for name in NORM_TENSORS:
            _cut(norm, name, (channels,))
    return small


def weights_of(block: nn.Module) -> BlockWeights:
    """Which weights of an inverted residual block have its middle channels."""
    expand, depthwise, project = convolutions(block)
    names = {module: name for name, module in block.named_modules()}
    middle = {}
    # Without an expanding convolution they are those of the input.
    if expand is not None:
        inner = [expand, depthwise, *_middle_norms(block)]
        middle = {
            f'{names[module]}.{name}': 0
            for module in inner
            for name in ('bias', *NORM_TENSORS)
        }
        middle[f'{names[project]}.weight'] = 1
    like = {key: value.to('meta') for key, value in block.state_dict().items()}
    middle = {key: dim for key, dim in middle.items() if key in like}
    return BlockWeights(like, middle, f'{names[project]}.weight')


def _middle_norms(block: nn.Module) -> list[_BatchNorm]:
    # Each convolution has one; the last's are the output's channels.
    return [m for m in block.modules() if isinstance(m, _BatchNorm)][:-1]


def _cut(module: nn.Module, name: str, shape: Sequence[int]) -> None:
    whole = getattr(module, name)
    if whole is not None:
        part = whole.detach()[part_index(whole.shape, shape)].clone()
        is_parameter = isinstance(whole, nn.Parameter)
        setattr(module, name, nn.Parameter(part) if is_parameter else part)
