"""Toy supernets of the tests: small enough to enumerate every path."""

import itertools
from typing import Callable, Dict, List, Optional, Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor

from mmdsnas.models import DSNAS, OneHotMutableOP

WIDTH, CLASSES = 6, 3


class Layer(nn.Module):
    """A linear map and a function: an operation without BatchNorm."""

    def __init__(self, function: Callable, width: int = WIDTH, weight=None):
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.linear(x))


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable):
        super().__init__()
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


class ToyNet(BaseModel):
    """Stem, blocks in a row and a linear classifier with cross entropy."""

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        stem: Optional[nn.Module] = None,
        tail: Optional[nn.Module] = None,
        width: int = WIDTH,
        classes: int = CLASSES,
    ):
        super().__init__()
        self.stem = stem or nn.Identity()
        self.blocks = nn.ModuleList(blocks)
        self.tail = tail or nn.Identity()
        self.head = nn.Linear(width, classes)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        x = self.stem(inputs)
        for block in self.blocks:
            x = block(x)
        x = self.head(self.tail(x))
        if mode == 'loss':
            return dict(loss=F.cross_entropy(x, data_samples))
        return x.softmax(-1) if mode == 'predict' else x


def block(alias: Optional[str] = None, **candidates: nn.Module) -> OneHotMutableOP:
    """A block from candidates that are built already."""
    return OneHotMutableOP(nn.ModuleDict(candidates), alias=alias)


def smooth_block(alias: Optional[str] = None, width: int = WIDTH) -> OneHotMutableOP:
    """A block of three smooth, nonlinear candidates."""
    return block(
        alias,
        tanh=Layer(torch.tanh, width),
        sine=Layer(torch.sin, width),
        square=Layer(lambda x: 0.5 * x * x + 1, width),
    )


def toy_net(num_blocks: int = 3, aliases: Sequence[Optional[str]] = ()) -> ToyNet:
    """A supernet of smooth blocks, in float64."""
    aliases = list(aliases) or [None] * num_blocks
    return ToyNet([smooth_block(alias) for alias in aliases]).double()


def batch(num: int = 5, seed: int = 0, width: int = WIDTH, classes: int = CLASSES):
    """Random inputs in float64 and labels."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(num, width, dtype=torch.float64, generator=generator)
    return inputs, torch.randint(classes, (num,), generator=generator)


def search(net: BaseModel, width: int = WIDTH, **kwargs) -> DSNAS:
    """The algorithm around a supernet of vectors, at its first search epoch."""
    kwargs.setdefault('resource_estimator', dict(input_shape=(1, 1, width)))
    algorithm = DSNAS(net, **kwargs)
    algorithm.begin_epoch(algorithm.pretrain_epochs)
    return algorithm


def all_paths(mutator) -> List[Dict[str, str]]:
    """Every path of a search space."""
    names = list(mutator.search_groups)
    options = [mutator.choices(name) for name in names]
    return [dict(zip(names, path)) for path in itertools.product(*options)]


def set_alpha(mutator, *rows: Sequence[float]) -> None:
    """Gives every group its logits."""
    with torch.no_grad():
        for alpha, row in zip(mutator.arch_params.values(), rows, strict=True):
            alpha.copy_(torch.as_tensor(row))


def explicit_gate(net: ToyNet, path: Sequence[str], inputs: Tensor, labels: Tensor):
    """DSNAS by its formula: feature maps times gate variables, plain autograd.

    Args:
        net (ToyNet): Supernet of blocks in a row.
        path (Sequence[str]): Candidate of each block.
        inputs (Tensor): Batch.
        labels (Tensor): Its labels.

    Returns:
        tuple: The loss, ``dL/dZ`` of each block, and the gradients of the
        supernet's parameters by name (None where a parameter is not used).
    """
    x = net.stem(inputs)
    gates = []
    for module, choice in zip(net.blocks, path, strict=True):
        z = torch.ones((), dtype=x.dtype, requires_grad=True)
        gates.append(z)
        x = module._candidates[choice](x) * z
    loss = F.cross_entropy(net.head(net.tail(x)), labels)
    names, parameters = zip(*net.named_parameters())
    grads = torch.autograd.grad(loss, [*gates, *parameters], allow_unused=True)
    num = len(gates)
    return loss, torch.stack(grads[:num]), dict(zip(names, grads[num:]))
