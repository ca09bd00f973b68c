"""A search space out of a network of inverted residual blocks."""

import copy
from functools import partial
from typing import Annotated, Any, Sequence

import torch
import torch.nn as nn
from mmcls.models.backbones.mobilenet_v2 import InvertedResidual as MobileNetV2Block
from mmcls.models.utils import InvertedResidual, make_divisible
from pydantic import Field
from torch.nn.modules.batchnorm import _BatchNorm

from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.registry import MODELS
from mmdsnas.utils.options import PartConfig, checked_options
from .mutables import ElasticMutableOP
from .mutables.elastic_mutable_op import part_index
from .weights import differences, shortened

BLOCKS = (InvertedResidual, MobileNetV2Block)
# Channels are multiples of it: what CPUs and accelerators compute in one go.
DIVISOR = 8
NORM_TENSORS = ('weight', 'bias', 'running_mean', 'running_var')

Expansion = Annotated[float, Field(gt=0, le=16)]
Kernel = Annotated[int, Field(ge=1, le=15)]


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
    middle channels of each block are then sorted by their importance, the sum of the
    absolute weights that project them (Cai et al. 2020, section 3.3), and every
    candidate gets its part of the normalization.

    Args:
        backbone (dict | nn.Module): The network, e.g. mmcls's ``MobileNetV2``.
        expansions (Sequence[float]): Middle channels of smaller candidates, by the
            input channels; rounded to multiples of 8.
        kernels (Sequence[int]): Kernels that a block with a larger one may have.
        skip (bool): Whether blocks can be left out.

    Returns:
        nn.Module: The network; the names of its modules stay, but for candidates.

    Raises:
        ConfigError: No block has a choice.
    """
    network = backbone if isinstance(backbone, nn.Module) else MODELS.build(backbone)
    found = {n: m for n, m in network.named_modules() if isinstance(m, BLOCKS)}
    searched = {}
    for name, block in found.items():
        candidates = _candidates(block, expansions, kernels, skip)
        if len(candidates) > 1:
            searched[name] = ElasticMutableOP(nn.ModuleDict(candidates))
            parent, _, last = name.rpartition('.')
            setattr(network.get_submodule(parent), last, searched[name])
    if not searched:
        raise ConfigError(
            f'backbone must have inverted residual blocks with a choice, but of '
            f'the {len(found)} of {type(network).__name__} none has one with '
            f'expansions={list(expansions)}, kernels={list(kernels)}, skip={skip}.'
        )
    network._register_load_state_dict_pre_hook(partial(_share_out, searched))
    return network


def _candidates(
    block: nn.Module, expansions: Sequence[float], kernels: Sequence[int], skip: bool
) -> dict[str, nn.Module]:
    expand, depthwise, project = convolutions(block)
    inputs, middle = (expand or depthwise).in_channels, depthwise.out_channels
    kernel = depthwise.kernel_size[0]
    sizes = {'full': middle}
    for expansion in sorted(expansions, reverse=True) if expand is not None else ():
        channels = make_divisible(expansion * inputs, DIVISOR)
        if channels < middle:
            sizes[f'e{expansion:g}'.replace('.', '_')] = channels
    smaller = [k for k in sorted(kernels)[::-1] if k < kernel and (kernel - k) % 2 == 0]
    candidates = {'full': block}
    for name, channels in sizes.items():
        if name != 'full':
            candidates[name] = shrunk(block, channels, kernel)
        for k in smaller:
            candidates[f'{name}_k{k}'] = shrunk(block, channels, k)
    if skip and inputs == project.out_channels and set(depthwise.stride) == {1}:
        candidates['skip'] = nn.Identity()
    return candidates


def convolutions(
    block: nn.Module,
) -> tuple[nn.Conv2d | None, nn.Conv2d, nn.Conv2d]:
    """Expanding, depthwise and projecting convolution of an inverted residual block.

    Raises:
        ConfigError: It has others.
    """
    convs = [m for m in block.modules() if isinstance(m, nn.Conv2d)]
    expand, depthwise, project = [None, None, *convs][-3:]
    if len(convs) not in (2, 3) or depthwise.groups != depthwise.out_channels:
        raise ConfigError(
            'an inverted residual block must have an expanding, a depthwise and a '
            f'projecting convolution, but has {len(convs)} others; blocks with '
            'attention are not supported.'
        )
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


@torch.no_grad()
def sort_channels(block: nn.Module) -> None:
    """Sorts the middle channels of an inverted residual block, the important first.

    What the block computes stays. A block without an expanding convolution is left
    alone: its middle channels are those of its input.
    """
    expand, depthwise, project = convolutions(block)
    if expand is None:
        return
    order = project.weight.abs().sum((0, 2, 3)).argsort(descending=True, stable=True)
    project.weight.copy_(project.weight[:, order])
    sorted_tensors = [(m, n) for m in (expand, depthwise) for n in ('weight', 'bias')]
    sorted_tensors += [(m, n) for m in _middle_norms(block) for n in NORM_TENSORS]
    for module, name in sorted_tensors:
        if (tensor := getattr(module, name)) is not None:
            tensor.copy_(tensor[order])


def _middle_norms(block: nn.Module) -> list[_BatchNorm]:
    # Each convolution has one; the last's are the output's channels.
    return [m for m in block.modules() if isinstance(m, _BatchNorm)][:-1]


def _cut(module: nn.Module, name: str, shape: Sequence[int]) -> None:
    whole = getattr(module, name)
    if whole is not None:
        part = whole.detach()[part_index(whole.shape, shape)].clone()
        is_parameter = isinstance(whole, nn.Parameter)
        setattr(module, name, nn.Parameter(part) if is_parameter else part)


def _share_out(
    blocks: dict[str, ElasticMutableOP],
    state_dict: dict[str, Any],
    prefix: str,
    *_: Any,
) -> None:
    """Turns the weights of a network as it was into those of its candidates."""
    for name, block in blocks.items():
        head = f'{prefix}{name}.'
        given = {
            key[len(head) :]: state_dict.pop(key)
            for key in list(state_dict)
            if key.startswith(head) and not key.startswith(f'{head}_candidates.')
        }
        if not given:
            continue
        whole = copy.deepcopy(block.candidate(block.choices[0]))
        for key, value in whole.state_dict().items():
            # Older checkpoints have no counter.
            if key.endswith('num_batches_tracked'):
                given.setdefault(key, torch.zeros_like(value))
        if wrong := differences(whole.state_dict(), given):
            raise CheckpointError(
                f'the weights of block {name} must be those of the network, but '
                f'{shortened(wrong)}.'
            )
        whole.load_state_dict(given)
        sort_channels(whole)
        weights = whole.state_dict()
        for choice in block.choices:
            for key, own in block.candidate(choice).state_dict().items():
                part = weights[key][part_index(weights[key].shape, own.shape)]
                state_dict[f'{head}_candidates.{choice}.{key}'] = part
