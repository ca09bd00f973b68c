"""A search that trains alpha on held-out batches, against plain autograd."""

import copy
import itertools
import shutil

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.hooks import Hook

from mmdsnas.errors import ConfigError
from mmdsnas.models.gradient_estimators import ScoreFunctionGradient
from tests.toy import ToyNet, algorithm_of, block, explicit_gates
from tests.toy_run import Norm, loader, normed_net, runner_of, same

HELD_OUT = dict(type='HeldOutBatchHook')
LR, MOMENTUM, DECAY = 0.1, 0.9, 0.01


def alternating(noise=False, batch_size=4):
    return dict(
        loader(noise, batch_size), batch_sampler=dict(type='AlternatingBatchSampler')
    )


def run(folder, *hooks, stages=(0, 2), accumulate=1, model=None, net=None, **kwargs):
    """A search of four iterations in each epoch."""
    sgd = dict(
        optimizer=dict(type='SGD', lr=LR, momentum=MOMENTUM, weight_decay=DECAY),
        accumulative_counts=accumulate,
    )
    pretrain, finetune = stages
    options = dict(
        max_epochs=2,
        train_dataloader=alternating(),
        optim_wrapper=dict(
            constructor='SearchOptimWrapperConstructor', architecture=sgd, mutator=sgd
        ),
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
    )
    options.update(kwargs)
    stages = dict(pretrain_epochs=pretrain, finetune_epochs=finetune)
    algorithm = algorithm_of(net or normed_net(), **stages, **(model or {}))
    runner = runner_of(folder, [HELD_OUT, *hooks], algorithm, **options)
    runner.train()
    return runner


def state_of(runner):
    """Parameters and momentum, of weights and of alpha."""
    found = {}
    for name, wrapper in runner.optim_wrapper.items():
        part = getattr(runner.model, name)
        momentum = wrapper.optimizer.state
        found[name] = {
            key: (p.detach().clone(), _buffer(momentum, p))
            for key, p in part.named_parameters()
        }
    return found


def _buffer(state, parameter):
    buffer = state[parameter].get('momentum_buffer') if parameter in state else None
    return None if buffer is None else buffer.clone()


class Watch(Hook):
    """Keeps each iteration's batch, the model and state before it, and after it."""

    priority = 'LOWEST'

    def __init__(self):
        self.seen = []

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        self.before = (copy.deepcopy(runner.model), state_of(runner), data_batch)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        path = list(runner.model.mutator.current_choices.values())
        after = state_of(runner)
        cost = float(outputs['cost.loss'].detach()) if 'cost.loss' in outputs else 0.0
        self.seen.append((*self.before, path, after, cost))


def by_sgd(before, grads):
    """SGD by its formula; what has no gradient stays."""
    after = {}
    for name, (value, buffer) in before.items():
        grad = grads.get(name)
        if grad is not None:
            grad = grad + DECAY * value
            buffer = grad if buffer is None else MOMENTUM * buffer + grad
            value = value - LR * buffer
        after[name] = (value, buffer)
    return after


def sampled(model, path, inputs, labels):
    """Gradients of weights and alpha by the paper's formula."""
    net, mutator = model.architecture, model.mutator
    _, rewards, weights = explicit_gates(net, path, inputs, labels)
    alpha = {}
    for name, choice, reward in zip(mutator.search_groups, path, rewards):
        probs = mutator.arch_params[name].detach().softmax(-1)
        onehot = torch.tensor([float(c == choice) for c in mutator.choices(name)])
        alpha[f'_arch_params.{name}'] = reward * (onehot - probs)
    return dict(architecture=weights, mutator=alpha)


def mixed(model, path, inputs, labels):
    """Gradients of weights and alpha of the mixture."""
    net, mutator = model.architecture, model.mutator
    x = net.stem(inputs)
    for module, alpha in zip(net.blocks, mutator.arch_params.values()):
        probs = alpha.softmax(-1)
        x = sum(p * module._candidates[c](x) for p, c in zip(probs, module.choices))
    loss = F.cross_entropy(net.head(net.tail(x)), labels)
    grads = {}
    for key in ('architecture', 'mutator'):
        names, params = zip(*getattr(model, key).named_parameters())
        found = torch.autograd.grad(loss, params, retain_graph=True)
        grads[key] = dict(zip(names, found))
    return grads


def assert_close(found, wanted):
    assert found.keys() == wanted.keys()
    for name, pair in wanted.items():
        for value, expected in zip(found[name], pair):
            assert (value is None) is (expected is None), name
            if value is not None:
                torch.testing.assert_close(value, expected, msg=name)


@pytest.mark.parametrize(
    'estimator, gradients', [('DSNASGradient', sampled), ('DARTSGradient', mixed)]
)
def test_weights_and_alpha_are_stepped_in_turn(tmp_path, estimator, gradients):
    """One moves by plain SGD, the other stays bit for bit, with its momentum."""
    watch = Watch()
    run(tmp_path, watch, model=dict(gradient_estimator=dict(type=estimator)))
    assert len(watch.seen) == 8
    for i, (model, before, batch, path, after, _) in enumerate(watch.seen):
        own, other = ('architecture', 'mutator')[:: -1 if i % 2 else 1]
        assert same(after[other], before[other])
        wanted = by_sgd(before[own], gradients(model, path, *batch)[own])
        assert_close(after[own], wanted)
        assert not same(after[own], before[own])


def costly():
    """A net of cheap and dear candidates, and a limit that half of them keep."""
    dear = [nn.Sequential(Norm(torch.sin), Norm(torch.sin)) for _ in range(2)]
    net = ToyNet([block(cheap=Norm(torch.tanh), dear=op) for op in dear])
    table = algorithm_of(net).cost_table
    paths = itertools.product(['cheap', 'dear'], repeat=2)
    costs = sorted(table.cost(dict(zip(table.groups, p)))['flops'] for p in paths)
    return net, (costs[0] + costs[1]) / 2


@pytest.mark.parametrize('estimator', ['DSNASGradient', 'DARTSGradient'])
def test_multipliers_move_with_alpha_alone(tmp_path, estimator):
    watch, (net, limit) = Watch(), costly()
    model = dict(gradient_estimator=dict(type=estimator), cost=dict(limit=limit))
    runner = run(tmp_path, watch, model=model, net=net)
    models = [model for model, *_ in watch.seen] + [runner.model]
    states = [m.cost_term.multipliers.state_dict() for m in models]
    moved = [not same(before, after) for before, after in zip(states, states[1:])]
    assert moved == [False, True] * 4


def test_estimator_and_cost_act_with_alpha_alone(tmp_path, monkeypatch):
    watch, calls = Watch(), []
    model = dict(gradient_estimator=dict(type='ScoreFunctionGradient'))
    forward = ScoreFunctionGradient.forward
    net, limit = costly()
    model['cost'] = dict(limit=limit, weight=1e3, form='expected')

    def noted(self, *args):
        calls.append(len(watch.seen))
        return forward(self, *args)

    monkeypatch.setattr(ScoreFunctionGradient, 'forward', noted)
    run(tmp_path, watch, model=model, net=net)
    assert calls == [1, 3, 5, 7]
    assert [cost > 0 for *_, cost in watch.seen] == [False, True] * 4


def test_what_is_held_out_is_not_seen_before(tmp_path):
    """Three stages; the weights move in every iteration but alpha's."""
    watch = Watch()
    run(tmp_path, watch, stages=(1, 2), max_epochs=3)
    rows = [{tuple(x.tolist()) for x in batch[0]} for _, _, batch, *_ in watch.seen]
    pretrain, search, finetune = rows[:4], rows[4:8], rows[8:]
    weights, held_out = set().union(*search[::2]), set().union(*search[1::2])
    assert len(weights) == len(held_out) == 8 and not weights & held_out
    assert set().union(*pretrain) == weights
    assert set().union(*finetune) == weights | held_out
    moved = [
        tuple(not same(before[k], after[k]) for k in ('architecture', 'mutator'))
        for _, before, _, _, after, _ in watch.seen
    ]
    taking_turns = [(True, False), (False, True)] * 2
    assert moved == [(True, False)] * 4 + taking_turns + [(True, False)] * 4


def test_where_all_is_fixed_every_batch_trains_the_weights(tmp_path):
    watch = Watch()
    run(tmp_path, watch, model=dict(mutator=dict(fix_threshold=1e-9, init_std=1.0)))
    for _, before, _, _, after, _ in watch.seen:
        assert not same(before['architecture'], after['architecture'])


@pytest.mark.parametrize(
    'epoch, estimator', [(1, 'Score'), (2, 'Score'), (3, 'Score'), (2, 'Additive')]
)
def test_a_resumed_run_is_the_whole_run(tmp_path, epoch, estimator):
    names = dict(Score='ScoreFunctionGradient', Additive='AdditiveGradient')

    def part(name, **kwargs):
        options = dict(stages=(1, 3), max_epochs=4, train_dataloader=alternating(True))
        options['model'] = dict(gradient_estimator=dict(type=names[estimator]))
        run(tmp_path / name, dict(type='ExactResumeHook'), **options, **kwargs)
        return tmp_path / name / 'work'

    whole = part('whole')
    copied = shutil.copy(whole / f'epoch_{epoch}.pth', tmp_path)
    resumed = part('resumed', resume=True, load_from=str(copied))
    a, b = (torch.load(p / 'epoch_4.pth', weights_only=True) for p in (whole, resumed))
    assert same(a['state_dict'], b['state_dict'])
    assert same(a['optimizer'], b['optimizer'])
    assert a['meta']['run'] == b['meta']['run']
    assert a['meta']['run']['setting']['held_out_batches'] is True
    assert a['meta']['run']['setting']['batch_size'] == 4


@pytest.mark.parametrize(
    'options, sentence',
    [
        (
            dict(train_dataloader=loader(False)),
            'batch_sampler must be .*AlternatingBatchSampler.*but is a BatchSampler',
        ),
        (dict(accumulate=2), 'accumulative_counts.*must be 1 .*but is 2'),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, options, sentence):
    with pytest.raises(ConfigError, match=sentence):
        run(tmp_path, **options)
