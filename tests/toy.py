"""Supernets of the tests: toys of few paths, and those of MMRazor."""

import itertools
from typing import Any, Callable, Sequence

import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModel
from torch import Tensor

from mmdsnas.models import DSNAS, DifferentiableMutator, OneHotMutableOP
from mmdsnas.models.batch_norm import batch_norms
from mmdsnas.models.gradient_estimators import Task
from mmdsnas.registry import MODELS

WIDTH, CLASSES = 6, 3


class Apply(nn.Module):
    """A function as a module."""

    def __init__(self, function: Callable) -> None:
        super().__init__()
        self.function = function

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        return self.function(*args, **kwargs)


class Layer(nn.Module):
    """A linear map and a function: an operation without BatchNorm."""

    def __init__(self, function: Callable, width: int = WIDTH) -> None:
        super().__init__()
        self.linear = nn.Linear(width, width)
        self.function = function

    def forward(self, x: Tensor) -> Tensor:
        return self.function(self.linear(x))


class Standardised(nn.Conv2d):
    """A convolution that computes its weight."""

    def forward(self, x: Tensor) -> Tensor:
        std, mean = torch.std_mean(self.weight, (1, 2, 3), keepdim=True)
        return self._conv_forward(x, (self.weight - mean) / (std + 1e-5), self.bias)


class Cut(nn.Conv2d):
    """A convolution whose kernel is the middle of a larger one."""

    def forward(self, x: Tensor) -> Tensor:
        middle = self.weight[:, :, 1:-1, 1:-1]
        return F.conv2d(x, middle, self.bias, self.stride, middle.shape[-1] // 2)


class TwoInputs(nn.Module):
    """Two inputs, one of which may be given by name, and options by name."""

    def __init__(self, function: Callable, pack: Callable = lambda y, z: y) -> None:
        super().__init__()
        self.layer, self.other = Layer(function), nn.Linear(WIDTH, WIDTH)
        self.pack = pack

    def forward(self, x: Tensor, skip: Tensor, *, score=1.0, block=None) -> Any:
        y = self.layer(x) + score * self.other(skip)
        return self.pack(y if block is None else y * block, self.other(x))


class ToyNet(BaseModel):
    """Stem, blocks in a row, tail and a linear classifier."""

    def __init__(
        self,
        blocks: Sequence[nn.Module],
        stem: nn.Module | None = None,
        tail: nn.Module | None = None,
        width: int = WIDTH,
        classes: int = CLASSES,
    ) -> None:
        super().__init__()
        self.stem = stem or nn.Identity()
        self.blocks = nn.ModuleList(blocks)
        self.tail = tail or nn.Identity()
        self.head = nn.Linear(width, classes)

    def features(self, x: Tensor) -> Tensor:
        """What lies before the classifier."""
        x = self.stem(x)
        for module in self.blocks:
            x = module(x)
        return self.tail(x)

    def forward(self, inputs, data_samples=None, mode='tensor'):
        x = self.head(self.features(inputs))
        if mode == 'loss':
            return dict(loss=F.cross_entropy(x, data_samples))
        return x.softmax(-1) if mode == 'predict' else x


def block(alias: str | None = None, **candidates: nn.Module) -> OneHotMutableOP:
    """A block of candidates that are built already."""
    return OneHotMutableOP(nn.ModuleDict(candidates), alias=alias)


def smooth_block(alias: str | None = None) -> OneHotMutableOP:
    """A block of three smooth, nonlinear candidates."""
    return block(
        alias,
        tanh=Layer(torch.tanh),
        sine=Layer(torch.sin),
        square=Layer(lambda x: 0.5 * x * x + 1),
    )


def smooth_net(*aliases: str | None, **kwargs) -> ToyNet:
    """Smooth blocks in float64: three of them, or one for each alias."""
    aliases = aliases or (None, None, None)
    return ToyNet([smooth_block(alias) for alias in aliases], **kwargs).double()


def costly_net() -> ToyNet:
    """Three blocks in float64 of a cheap and a dear candidate."""
    dear = [nn.Sequential(nn.Linear(6, 60), nn.Linear(60, 6)) for _ in range(3)]
    return ToyNet([block(cheap=Layer(torch.tanh), dear=op) for op in dear]).double()


def batch(num: int = 5, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Random inputs in float64 and labels."""
    generator = torch.Generator().manual_seed(seed)
    inputs = torch.randn(num, WIDTH, dtype=torch.float64, generator=generator)
    return inputs, torch.randint(CLASSES, (num,), generator=generator)


def prepared(net: nn.Module, **kwargs) -> DifferentiableMutator:
    """A mutator of a supernet."""
    mutator = DifferentiableMutator(**kwargs)
    mutator.prepare_from_supernet(net)
    return mutator


def algorithm_of(net: BaseModel, width: int = WIDTH, **kwargs) -> DSNAS:
    """The algorithm around a supernet whose input is a vector."""
    kwargs.setdefault('resource_estimator', dict(input_shape=(1, 1, width)))
    dtype = next(net.parameters()).dtype
    return DSNAS(net, **kwargs).to(dtype)


def searching(net: BaseModel, **kwargs) -> DSNAS:
    """The algorithm in its first search epoch."""
    algorithm = algorithm_of(net, **kwargs)
    algorithm.begin(epoch=algorithm.pretrain_epochs)
    return algorithm


def task_of(net: ToyNet) -> Task:
    """A toy's losses of one batch, as a gradient estimator asks for them."""
    return Task(lambda: net(*batch(), mode='loss'), lambda: batch_norms(net))


def all_paths(mutator: DifferentiableMutator) -> list[dict[str, str]]:
    """Every path of a search space."""
    names = list(mutator.search_groups)
    options = [mutator.choices(name) for name in names]
    return [dict(zip(names, path)) for path in itertools.product(*options)]


def set_alpha(mutator: DifferentiableMutator, *rows: Sequence[float]) -> None:
    """Gives every group its logits."""
    with torch.no_grad():
        for alpha, row in zip(mutator.arch_params.values(), rows, strict=True):
            alpha.copy_(torch.as_tensor(row, dtype=alpha.dtype))


def explicit_gates(
    net: ToyNet, path: Sequence[str], inputs: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor, dict[str, Tensor | None]]:
    """DSNAS by its formula: feature maps times gate variables, plain autograd.

    Args:
        net (ToyNet): The supernet.
        path (Sequence[str]): Candidate of each block.
        inputs (Tensor): A batch.
        labels (Tensor): Its labels.

    Returns:
        tuple: The loss, ``dL/dZ`` of each block, and the gradients of the
        supernet's parameters by name (None where one is not used).
    """
    x = net.stem(inputs)
    gates = []
    for module, choice in zip(net.blocks, path, strict=True):
        gates.append(torch.ones((), dtype=x.dtype, requires_grad=True))
        x = module._candidates[choice](x) * gates[-1]
    loss = F.cross_entropy(net.head(net.tail(x)), labels)
    names, parameters = zip(*net.named_parameters())
    grads = torch.autograd.grad(loss, [*gates, *parameters], allow_unused=True)
    by_name = dict(zip(names, grads[len(gates) :], strict=True))
    return loss, torch.stack(grads[: len(gates)]), by_name


def shuffle_mutable(*kernels: int, **norm) -> dict:
    """Config of a block of the ShuffleNetV2 candidates."""
    kwargs = dict(norm_cfg=dict(type='BN', **norm))
    candidates = {
        f'shuffle_{k}x{k}': dict(type='mmrazor.ShuffleBlock', kernel_size=k, **kwargs)
        for k in kernels
    }
    candidates['shuffle_xception'] = dict(type='mmrazor.ShuffleXception', **kwargs)
    return dict(type='mmdsnas.OneHotMutableOP', candidates=candidates)


def shufflenet(stages: Sequence[tuple[int, int]], classes: int, **kwargs) -> dict:
    """Config of a ShuffleNetV2 supernet, with the paper's candidates."""
    mutable = shuffle_mutable(3, 5, 7)
    return dict(
        type='mmcls.ImageClassifier',
        backbone=dict(
            type='mmrazor.SearchableShuffleNetV2',
            arch_setting=[[*stage, mutable] for stage in stages],
            **kwargs,
        ),
        neck=dict(type='mmcls.GlobalAveragePooling'),
        head=dict(
            type='mmcls.LinearClsHead',
            num_classes=classes,
            in_channels=1024,
            loss=dict(type='mmcls.CrossEntropyLoss', loss_weight=1.0),
        ),
    )


def small_shufflenet() -> dict:
    """Config of a supernet of four ShuffleNetV2 blocks for 3x32x32 images."""
    return shufflenet([(16, 2), (24, 2)], classes=5, out_indices=(2,))


def imagenet_shufflenet() -> dict:
    """Config of the paper's supernet: 20 blocks for 3x224x224 images."""
    return shufflenet([(64, 4), (160, 4), (320, 8), (640, 4)], classes=1000)


def small_mobilenet() -> dict:
    """Config of a supernet of four MobileNetV2 blocks for 3x32x32 images."""
    kwargs = dict(norm_cfg=dict(type='BN'), act_cfg=dict(type='ReLU6'))
    mutable = dict(
        type='mmdsnas.OneHotMutableOP',
        candidates={
            f'mb_k{k}e{e}': dict(
                type='mmrazor.MBBlock', kernel_size=k, expand_ratio=e, **kwargs
            )
            for k, e in ((3, 1), (3, 3), (5, 3))
        },
    )
    return dict(
        type='mmcls.ImageClassifier',
        backbone=dict(
            type='mmrazor.SearchableMobileNetV2',
            arch_setting=[[16, 1, 1, mutable], [24, 3, 2, mutable]],
            first_channels=16,
            last_channels=32,
            out_indices=(2,),
        ),
        neck=dict(type='mmcls.GlobalAveragePooling'),
        head=dict(type='mmcls.LinearClsHead', num_classes=5, in_channels=32),
    )


def build(config: dict) -> BaseModel:
    """Builds a supernet with random weights."""
    return MODELS.build(config)
