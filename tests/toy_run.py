"""Short runs of mmengine's Runner on a toy with BatchNorm layers."""

import random
from typing import Sequence

import numpy as np
import torch
import torch.nn as nn
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor
from torch.utils.data import Dataset

from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import batch_norms
from mmdsnas.registry import DATASETS, METRICS
from tests.toy import CLASSES, WIDTH, Layer, ToyNet, algorithm_of, block


@DATASETS.register_module(force=True)
class NoisyVectors(Dataset):
    """Vectors, in training with noise of every random generator there is."""

    def __init__(self, noise: bool, num: int = 16) -> None:
        generator = torch.Generator().manual_seed(int(noise))
        self.inputs = 3 + 2 * torch.randn(num, WIDTH, generator=generator)
        self.labels = torch.arange(num) % CLASSES
        self.noise = noise

    def __len__(self) -> int:
        return len(self.inputs)

    def __getitem__(self, index: int):
        x = self.inputs[index]
        if self.noise:
            x = x + random.random() + np.random.rand() + torch.rand(())
        return x, self.labels[index]


@METRICS.register_module(force=True)
class MeanScore(BaseMetric):
    """Mean score of the labels, a number that any change of outputs moves."""

    default_prefix = 'toy'

    def process(self, data_batch, data_samples: Sequence[Tensor]) -> None:
        scores = torch.stack(list(data_samples))
        labels = data_batch[1]
        self.results += scores[torch.arange(len(labels)), labels].tolist()

    def compute_metrics(self, results: list[float]) -> dict[str, object]:
        return dict(score=sum(results) / len(results), text='no number')


class Keep(Hook):
    """Calls a function at one point of the run, with a priority of its own."""

    def __init__(self, point: str, function, priority: int) -> None:
        self.priority = priority
        setattr(self, point, lambda runner, *args, **kwargs: function(runner))


class Norm(nn.Module):
    """Layer and BatchNorm, for images of one line as for vectors."""

    def __init__(self, function) -> None:
        super().__init__()
        self.layer = Layer(function)
        self.bn = nn.BatchNorm1d(WIDTH)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.layer(x).flatten(1))


def normed_net() -> ToyNet:
    """A stem and two blocks of two candidates, each with a BatchNorm."""
    torch.manual_seed(0)
    blocks = [block(tanh=Norm(torch.tanh), sine=Norm(torch.sin)) for _ in range(2)]
    return ToyNet(blocks, stem=Norm(torch.relu))


def search_of(**kwargs) -> DSNAS:
    """A search in :func:`normed_net`, one epoch in each stage."""
    return algorithm_of(normed_net(), pretrain_epochs=1, finetune_epochs=2, **kwargs)


def with_frozen_statistics(algorithm: DSNAS) -> DSNAS:
    """In train mode, but for BatchNorm layers with statistics that matter."""
    generator = torch.Generator().manual_seed(1)
    for layer in batch_norms(algorithm.train()):
        for tensor in (layer.running_mean, layer.running_var, layer.weight.data):
            tensor.uniform_(0.5, 1.5, generator=generator)
        layer.eval()
    return algorithm


def loader(noise: bool, batch_size: int = 4) -> dict:
    """Config of a data loader."""
    return dict(
        batch_size=batch_size,
        num_workers=0,
        dataset=dict(type='NoisyVectors', noise=noise),
        sampler=dict(type='DefaultSampler', shuffle=noise),
        collate_fn=dict(type='default_collate'),
    )


def runner_of(
    folder,
    hooks: Sequence = (),
    model: nn.Module | None = None,
    max_epochs: int = 3,
    model_wrapper_cfg: dict | None = None,
    cfg: dict | None = None,
    **kwargs,
) -> Runner:
    """A runner of a search, or of another model.

    Args:
        folder (Path): Where the work directory is to be.
        hooks (Sequence): Custom hooks besides those that every run needs by name.
        model (nn.Module, optional): Another model than :func:`search_of`'s.
        max_epochs (int): Length of the run.
        model_wrapper_cfg (dict, optional): The distributed wrapper.
        cfg (dict, optional): More of the config.
        **kwargs: For the runner, in place of what stands here.
    """
    sgd = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
    options = dict(
        work_dir=str(folder / 'work'),
        train_dataloader=loader(noise=True),
        val_dataloader=loader(noise=False),
        val_evaluator=dict(type='MeanScore'),
        train_cfg=dict(by_epoch=True, max_epochs=max_epochs, val_interval=1),
        val_cfg=dict(),
        optim_wrapper=sgd,
        custom_hooks=list(hooks),
        default_hooks={},
        default_scope='mmdsnas',
        experiment_name=f'{folder.name}_{random.getrandbits(64)}',
        randomness=dict(seed=3),
        log_level='WARNING',
    )
    named = dict(
        logger=dict(type='LoggerHook', interval=1),
        safe_checkpoint=dict(type='SafeCheckpointHook'),
    )
    if model is None:
        model = search_of()
    if isinstance(getattr(model, 'module', model), DSNAS):
        options['optim_wrapper'] = dict(
            constructor='SearchOptimWrapperConstructor', architecture=sgd, mutator=sgd
        )
        named['search_stage'] = dict(type='SearchStageHook')
    options.update(kwargs)
    options['default_hooks'] = {**named, **options['default_hooks']}
    known = dict(
        train_dataloader=loader(noise=True), model_wrapper_cfg=model_wrapper_cfg
    )
    cfg = {**known, **(cfg or {})}
    return Runner(model=model, cfg=cfg, **options)


def same(a: object, b: object) -> bool:
    """Whether two nested containers are alike, tensors bit for bit."""
    if isinstance(a, Tensor):
        return a.dtype is b.dtype and torch.equal(a, b)
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, (list, tuple)):
        return len(a) == len(b) and all(map(same, a, b))
    return a == b


def state_of(runner: Runner) -> dict[str, Tensor]:
    """A copy of everything in the model."""
    return {key: value.clone() for key, value in runner.model.state_dict().items()}
