"""Candidates that share their weights, on several ranks."""

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.dist import get_rank
from mmengine.registry import MODEL_WRAPPERS

from mmdsnas.models import ElasticMutableOP
from tests.ranks import WRAPPER, on_ranks
from tests.toy import ToyNet, batch, searching

PATHS = ({'module_0': 'large'}, {'module_0': 'small'})


def build():
    torch.manual_seed(0)
    large, small = (
        nn.Sequential(nn.Linear(6, n), nn.Tanh(), nn.Linear(n, 6)) for n in (8, 4)
    )
    op = ElasticMutableOP(nn.ModuleDict(dict(large=large, small=small)))
    return searching(ToyNet([op]).double())


def gradients():
    """One backward pass, of another candidate on each rank."""
    algorithm = build()
    rank = get_rank()
    algorithm.mutator.draw_path = lambda *_: PATHS[rank]
    wrapped = MODEL_WRAPPERS.build(dict(WRAPPER, module=algorithm))
    losses = wrapped(*batch(seed=rank), mode='loss')
    losses['task.loss'].backward()
    return {n: p.grad for n, p in algorithm.named_parameters() if 'blocks' in n}


@pytest.mark.slow
def test_the_gradient_is_the_mean_over_the_ranks(tmp_path):
    net = build().architecture
    weights = dict(net.blocks[0].candidate('large').named_parameters())
    for rank, size in enumerate((8, 4)):
        x, labels = batch(seed=rank)
        y = F.linear(x, weights['0.weight'][:size], weights['0.bias'][:size]).tanh()
        y = F.linear(y, weights['2.weight'][:, :size], weights['2.bias'])
        (F.cross_entropy(net.head(y), labels) / 2).backward()
    for found in on_ranks(2, tmp_path, gradients):
        assert len(found) == len(weights)
        for name, weight in weights.items():
            (grad,) = (g for n, g in found.items() if n.endswith(f'large.{name}'))
            torch.testing.assert_close(grad, weight.grad, rtol=1e-9, atol=1e-12)
