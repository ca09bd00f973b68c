"""Running statistics of BatchNorm layers."""

from contextlib import contextmanager
from typing import Any, Iterable, Iterator, Sequence

import torch
import torch.nn as nn
from mmengine.dist import all_reduce_params, broadcast
from mmengine.model import BaseModel
from torch import Tensor
from torch.nn.modules.batchnorm import _BatchNorm

from .state import state_kept

Statistics = list[dict[str, Tensor]]


def batch_norms(model: nn.Module) -> list[_BatchNorm]:
    """The BatchNorm layers of a model that keep running statistics."""
    return [
        module
        for module in model.modules()
        if isinstance(module, _BatchNorm) and module.track_running_stats
    ]


def copy_statistics(layers: Iterable[_BatchNorm]) -> Statistics:
    """Copies of mean, variance and number of batches of each layer."""
    return [
        {name: buffer.clone() for name, buffer in layer.named_buffers(recurse=False)}
        for layer in layers
    ]


def put_statistics(layers: Iterable[_BatchNorm], statistics: Statistics) -> None:
    """Puts back what :func:`copy_statistics` returned."""
    for layer, kept in zip(layers, statistics):
        for name, value in kept.items():
            getattr(layer, name).copy_(value)


@contextmanager
def forward_only(layers: Iterable[_BatchNorm]) -> Iterator[None]:
    """While open, a forward pass in train mode has no graph and leaves no trace."""
    changed = [layer for layer in layers if layer.track_running_stats]
    for layer in changed:
        layer.track_running_stats = False
    try:
        with torch.no_grad():
            yield
    finally:
        for layer in changed:
            layer.track_running_stats = True


def average_statistics(layers: Sequence[_BatchNorm]) -> None:
    """Gives every process of a distributed run the mean over all of them."""
    moments = [m for layer in layers for m in (layer.running_mean, layer.running_var)]
    all_reduce_params(moments, op='mean')
    counts = [layer.num_batches_tracked for layer in layers]
    if counts:
        # Of rank 0, whose are saved; where momentum is None they weigh the batches.
        together = torch.stack(counts)
        broadcast(together)
        for count, value in zip(counts, together):
            count.copy_(value)


@torch.no_grad()
def recalibrate(model: BaseModel, batches: Iterable[Any]) -> int:
    """Computes running statistics anew, from what is executed in eval mode.

    Only the BatchNorm layers are in train mode meanwhile. Those that are executed get
    the mean over the batches, and over the processes of a distributed run, of the
    batch's mean and of its unbiased variance; the others keep what they had.

    Args:
        model (BaseModel): Its mode and other state are as before afterwards.
        batches (Iterable): As a data loader gives them, as many in each process.

    Returns:
        int: Number of layers that were executed.
    """
    layers = batch_norms(model)
    with state_kept(model):
        model.eval()
        for layer in layers:
            layer.reset_running_stats()
            layer.train()
            layer.momentum = None  # the plain mean over all batches
        for batch in batches:
            model._run_forward(model.data_preprocessor(batch, False), mode='tensor')
        executed = [layer for layer in layers if layer.num_batches_tracked]
        found = copy_statistics(executed)
    put_statistics(executed, found)
    average_statistics(executed)
    return len(executed)
