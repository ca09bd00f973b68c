"""DSNAS as a module: without a runner, a hook, or an optimizer of a certain kind."""

import copy

import pytest
import torch
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.optim.optimizer import amp_optimizer_wrapper as module
from torch.optim import SGD

from mmdsnas.engine import SearchOptimWrapperDict
from mmdsnas.errors import ConfigError
from mmdsnas.models import Stage
from tests.toy import (
    algorithm_of,
    batch,
    costly_net,
    explicit_gates,
    set_alpha,
    smooth_net,
)


def bare(build=smooth_net, **kwargs):
    torch.manual_seed(0)
    return algorithm_of(build(), **kwargs)


def data():
    inputs, labels = batch()
    return dict(inputs=inputs, data_samples=labels)


# Loss


@pytest.mark.parametrize('epochs', [(0, 80), (3, 5), (2, 2)])
def test_a_model_that_was_only_built_searches(epochs, warned):
    algorithm = bare(pretrain_epochs=epochs[0], finetune_epochs=epochs[1])
    paths = set()
    for iteration in range(12):
        algorithm(*batch(), mode='loss')
        path = algorithm.mutator.current_choices
        assert path == algorithm.mutator.draw_path(0, iteration, 0)
        paths.add(tuple(path.values()))
    assert len(paths) > 6
    assert algorithm.stage is Stage.SEARCH and algorithm.mutator.fixed == {}
    assert [text for text in warned() if 'epoch' in text] == [warned()[0]]


def test_nothing_is_said_where_the_epoch_was_told(warned):
    algorithm = bare(pretrain_epochs=1)
    algorithm.begin(epoch=0)
    algorithm.loss(*batch())
    assert algorithm.stage is Stage.PRETRAIN and warned() == []


def test_an_iteration_that_is_told_is_not_counted():
    algorithm = bare()
    algorithm.begin(epoch=0)
    draw = algorithm.mutator.draw_path
    for wanted in (draw(0, 0, 0), draw(0, 1, 0)):  # counted
        algorithm.loss(*batch())
        assert algorithm.mutator.current_choices == wanted
    algorithm.begin(iteration=7, seed=5)
    for _ in range(3):
        algorithm.loss(*batch())
        assert algorithm.mutator.current_choices == draw(5, 7, 0)
        assert algorithm.iteration == 7


def test_evaluation_counts_nothing():
    algorithm = bare().eval()
    for mode in ('loss', 'predict', 'tensor'):
        algorithm(*batch(), mode=mode)
    assert algorithm.iteration == 0 and algorithm.stage is None


# Steps


def sgd(parameters, lr, **kwargs):
    return OptimWrapper(SGD(parameters, lr=lr), **kwargs)


def plain(algorithm, **kwargs):
    return sgd(algorithm.parameters(), 0.1, **kwargs), (0.1, 0.1)


def separate(cls, lr=0.1, alpha_lr=0.02):
    def build(algorithm, **kwargs):
        wrappers = dict(
            architecture=sgd(algorithm.architecture.parameters(), lr, **kwargs),
            mutator=sgd(algorithm.mutator.parameters(), alpha_lr, **kwargs),
        )
        return cls(**wrappers), (lr, alpha_lr)

    return build


WRAPPERS = dict(
    plain=plain,
    mmengine=separate(OptimWrapperDict),
    ours=separate(SearchOptimWrapperDict),
)


def gradients(algorithm, iteration):
    """By name, from plain autograd, of the iteration's path."""
    twin = copy.deepcopy(algorithm)
    twin.zero_grad()
    path = twin.mutator.draw_path(0, iteration, 0)
    chosen = list(path.values())
    _, rewards, grads = explicit_gates(twin.architecture, chosen, *batch())
    found = {f'architecture.{name}': grad for name, grad in grads.items()}
    for (name, alpha), reward in zip(twin.mutator.arch_params.items(), rewards):
        one_hot = torch.tensor([c == path[name] for c in twin.mutator.choices(name)])
        grad = reward * (one_hot.double() - alpha.detach().softmax(-1))
        found[f'mutator._arch_params.{name}'] = grad
    return found


@pytest.mark.parametrize('kind', WRAPPERS)
@pytest.mark.parametrize('parts', [1, 2])
def test_a_step_moves_what_it_should(kind, parts):
    algorithm = bare()
    optim_wrapper, (lr, alpha_lr) = WRAPPERS[kind](algorithm, accumulative_counts=parts)
    grads = [gradients(algorithm, iteration) for iteration in range(parts)]
    before = {n: p.detach().clone() for n, p in algorithm.named_parameters()}
    for _ in range(parts):
        assert all(torch.equal(p, before[n]) for n, p in algorithm.named_parameters())
        log = algorithm.train_step(data(), optim_wrapper)
        assert torch.is_tensor(log['loss']) and log['loss'] == log['task.loss']
    for name, parameter in algorithm.named_parameters():
        step = sum(g[name] / parts for g in grads if g[name] is not None)
        step = step * (alpha_lr if name.startswith('mutator') else lr)
        assert (parameter - before[name] + step).abs().max() <= 1e-12


@pytest.mark.parametrize('kind', WRAPPERS)
def test_an_adaptive_limit_presses_with_every_wrapper(kind):
    """As with the optimizers that a run has."""

    def trained(build):
        algorithm = bare(costly_net, cost=dict(limit=2e-4))
        wrapper, rates = build(algorithm)
        for _ in range(4):
            algorithm.train_step(data(), wrapper)
        assert algorithm.cost_term.multipliers.values.min() > 0
        return list(algorithm.parameters()), rates

    found, rates = trained(WRAPPERS[kind])
    wanted, _ = trained(separate(SearchOptimWrapperDict, *rates))
    assert all(map(torch.equal, found, wanted))


@pytest.mark.parametrize('limit', [None, 2e-4])
def test_a_wrapper_that_does_not_press_is_refused(limit):
    """A distributed one steps its optimizer without the ``train_step`` of the model."""
    algorithm = bare(costly_net, cost=dict(limit=limit))
    if limit is None:
        BaseModel.train_step(algorithm, data(), plain(algorithm)[0])
        return
    with torch.no_grad():
        algorithm.loss(*batch())
    with pytest.raises(ConfigError, match='cost.limit .* SearchOptimWrapperDict'):
        BaseModel.train_step(algorithm, data(), plain(algorithm)[0])
    wrapper, _ = WRAPPERS['ours'](algorithm)
    BaseModel.train_step(algorithm, data(), wrapper)


def test_wrappers_that_scale_their_loss_alone_are_refused(monkeypatch):
    monkeypatch.setattr(module, 'is_cuda_available', lambda: True)
    algorithm = bare()
    parts = {
        name: module.AmpOptimWrapper(
            optimizer=SGD(getattr(algorithm, name).parameters())
        )
        for name in ('architecture', 'mutator')
    }
    with pytest.raises(ConfigError, match='architecture.type is AmpOptimWrapper'):
        algorithm.train_step(data(), OptimWrapperDict(**parts))


def test_wrappers_need_one_of_the_weights():
    algorithm = bare()
    wrappers = OptimWrapperDict(weights=plain(algorithm)[0])
    with pytest.raises(ConfigError, match='optim_wrapper.*architecture.*has weights'):
        algorithm.train_step(data(), wrappers)


def test_evaluation_of_a_model_that_was_only_built():
    algorithm = bare()
    set_alpha(algorithm.mutator, [0, 1, 0], [0, 0, 1], [1, 0, 0])
    algorithm.train_step(data(), plain(algorithm)[0])
    algorithm.eval()
    child = algorithm.mutator.sample_choices()
    for op, choice in zip(algorithm.architecture.blocks, child.values()):
        op.current_choice = choice
    wanted = algorithm.architecture(*batch(), mode='predict')
    algorithm.train().loss(*batch())
    algorithm.eval()
    assert torch.equal(algorithm.val_step(data()), wanted)
    assert torch.equal(algorithm.test_step(data()), wanted)
    assert torch.equal(algorithm(*batch(), mode='predict'), wanted)
