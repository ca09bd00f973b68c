"""Accumulation over parts of a batch that one path executes."""

import copy

import pytest
import torch
import torch.nn as nn

from mmdsnas.engine import SearchOptimWrapperConstructor
from tests.toy import ToyNet, algorithm_of, batch, block
from tests.toy_run import Norm, with_frozen_statistics

BATCH = 24


def net():
    """Three blocks with BatchNorm, of a cheap and a dear candidate."""
    torch.manual_seed(0)
    dear = [nn.Sequential(nn.Linear(6, 60), nn.Linear(60, 6)) for _ in range(3)]
    blocks = [block(cheap=Norm(torch.tanh), dear=op) for op in dear]
    return ToyNet(blocks, stem=Norm(torch.relu)).double()


def gradients(parts, cost=None):
    """Gradients that both optimizers step along, by name.

    Args:
        parts (int): Micro-batches of one step.
        cost (dict, optional): The cost term.
    """
    algorithm = algorithm_of(net(), cost=cost)
    algorithm.begin(epoch=0)
    with_frozen_statistics(algorithm)
    path = dict(zip(algorithm.mutator.search_groups, ['dear', 'cheap', 'dear']))
    algorithm.mutator.draw_path = lambda *_: path
    part = dict(optimizer=dict(type='SGD', lr=0.1), accumulative_counts=parts)
    config = dict(architecture=part, mutator=copy.deepcopy(part))
    wrapper = SearchOptimWrapperConstructor(config)(algorithm)
    found = {}
    wrapper['architecture'].optimizer.register_step_pre_hook(
        lambda *_: found.update(
            {n: p.grad for n, p in algorithm.named_parameters() if p.grad is not None}
        )
    )
    inputs, labels = batch(BATCH)
    for x, y in zip(inputs.chunk(parts), labels.chunk(parts)):
        assert not found
        algorithm.train_step(dict(inputs=x, data_samples=y), wrapper)
    return found


def cost_of(form):
    """A cost term as strong as the task, above whose limit every path is."""
    weight = {} if form == 'adaptive' else dict(weight=100.0)
    return form and dict(form=form, limit=3e-4, **weight)


@pytest.mark.parametrize('form', [None, 'expected', 'sampled', 'adaptive'])
@pytest.mark.parametrize('parts', [2, 3, 8])
def test_parts_of_a_batch_are_the_whole_batch(form, parts):
    """With the cost term too: it sees ``alpha`` and the path, not the images."""
    whole, found = gradients(1, cost_of(form)), gradients(parts, cost_of(form))
    assert whole.keys() == found.keys() and len(whole) == 4 + 4 + 4 + 4 + 2 + 3
    for name, grad in whole.items():
        assert grad.abs().max() > 1e-6
        assert (found[name] - grad).abs().max() <= 1e-12


@pytest.mark.parametrize('parts', [1, 4])
def test_a_limit_presses_once_on_the_whole_gradient(parts):
    """With what the formula makes of the task's own; the loss has no part in it."""
    task, both = gradients(parts), gradients(parts, cost_of('adaptive'))
    fresh = algorithm_of(net(), cost=cost_of('adaptive'))
    names = [name for name in task if '_arch_params' in name]
    pressure = fresh.cost_term.multipliers.step(
        fresh.mutator.probs().detach(), torch.stack([task[name] for name in names])
    )
    for name, grad in both.items():
        added = pressure[names.index(name)] if name in names else 0
        assert (grad - task[name] - added).abs().max() <= 1e-12
    assert (pressure.abs().amax(1) > 1e-6).all()
