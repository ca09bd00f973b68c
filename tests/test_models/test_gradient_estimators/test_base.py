import copy
from contextlib import nullcontext
from functools import partial

import pytest
import torch
from torch import Tensor

from mmdsnas.models import DSNASGradient
from mmdsnas.models.mutators import PathSample
from tests.toy import (
    Layer,
    ToyNet,
    batch,
    block,
    prepared,
    searching,
    set_alpha,
    smooth_net,
)

ALPHA = ([0.4, -0.2, 0.1], [0.0, 0.7, -0.7], [-0.3, 0.2, 0.5])
PATH = dict(module_0='sine', module_1='square', module_2='tanh')


def graph_tensors(model):
    """Tensors with a graph that a module holds, also inside its hooks."""
    found = []

    def look(value):
        if isinstance(value, Tensor) and value.grad_fn is not None:
            found.append(value)
        elif isinstance(value, partial):
            look([*value.args, *value.keywords.values()])
        elif isinstance(value, dict):
            look(list(value.values()))
        elif isinstance(value, (list, tuple)):
            for part in value:
                look(part)

    for module in model.modules():
        look(vars(module))
    return found


@pytest.fixture
def setup():
    """A supernet in float64, its mutator and blocks, on one path."""
    torch.manual_seed(0)
    net = smooth_net()
    mutator = prepared(net).double()
    set_alpha(mutator, *ALPHA)
    mutator.set_choices(PATH)
    return net, mutator


def test_only_the_blocks_still_searched_are_gated(setup):
    net, mutator = setup
    mutator.fix(dict(module_1='square'))

    def task():
        assert [b.gate is None for b in net.blocks] == [False, True, False]

    DSNASGradient()(PathSample(mutator, PATH), task)


@pytest.mark.parametrize('fails', [False, True])
def test_the_gates_are_taken_off(setup, fails):
    net, mutator = setup

    def task():
        assert all(b.gate is not None for b in net.blocks)
        assert graph_tensors(net)
        if fails:
            raise KeyError('stop')

    with pytest.raises(KeyError, match='stop') if fails else nullcontext():
        DSNASGradient()(PathSample(mutator, PATH), task)
    assert all(b.gate is None for b in net.blocks)


@pytest.mark.parametrize('backward', [False, True])
def test_a_model_at_rest_holds_no_graph_and_can_be_copied(backward):
    algorithm = searching(smooth_net())
    losses = algorithm.loss(*batch())
    if backward:
        losses['task.loss'].backward()
    assert graph_tensors(algorithm) == []
    twin = copy.deepcopy(algorithm)
    assert all(map(torch.equal, twin.parameters(), algorithm.parameters()))
    # The copy is a model of its own, and trains.
    twin.zero_grad()
    twin.loss(*batch())['task.loss'].backward()
    assert twin.gradient_estimator.block_rewards is not None
    assert all(alpha.grad is not None for alpha in twin.mutator.parameters())
    if not backward:
        assert algorithm.gradient_estimator.block_rewards is None


def test_a_block_that_is_executed_twice_adds_its_rewards():
    class Twice(ToyNet):
        def features(self, x):
            return self.blocks[0](self.blocks[0](x))

    net = Twice([block(a=Layer(torch.tanh), b=Layer(torch.sin))]).double()
    algorithm = searching(net)
    inputs, labels = batch()
    algorithm.loss(inputs, labels)['task.loss'].backward()
    (choice,) = algorithm.mutator.current_choices.values()

    op = net.blocks[0]._candidates[choice]
    z = torch.ones((), dtype=torch.float64, requires_grad=True)
    logits = net.head(op(op(inputs) * z) * z)
    torch.nn.functional.cross_entropy(logits, labels).backward()
    assert abs(algorithm.gradient_estimator.block_rewards[0] - z.grad) <= 1e-12
