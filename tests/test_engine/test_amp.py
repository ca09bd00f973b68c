"""Low precision in a search: one loss scale for the gradients of both."""

import copy

import pytest
import torch
from mmcls.structures import ClsDataSample

from mmdsnas.engine import SearchOptimWrapperConstructor
from mmdsnas.models.mutables import one_hot_mutable_op
from tests.toy import (
    batch,
    build,
    explicit_gates,
    searching,
    small_shufflenet,
    smooth_net,
)
from tests.toy_run import same

SCALE = 2.0**10


def start(scale=SCALE, mutator='Adam', cost=None, **kwargs):
    """A search in float32 and its optimizers, in float16 with a loss scale."""
    torch.manual_seed(0)
    algorithm = searching(smooth_net().float(), cost=cost).train()
    sgd = dict(type='SGD', lr=0.1, momentum=0.9)
    config = dict(
        architecture=dict(optimizer=sgd, **copy.deepcopy(kwargs)),
        mutator=dict(optimizer=dict(type=mutator, lr=0.1), **copy.deepcopy(kwargs)),
        amp=dict(dtype='float16', init_scale=scale),
    )
    return algorithm, SearchOptimWrapperConstructor(config)(algorithm)


def step(algorithm, wrapper, iteration=0):
    inputs, labels = batch()
    algorithm.begin(iteration=iteration, seed=0)
    data = dict(inputs=inputs.float(), data_samples=labels)
    return algorithm.train_step(data, wrapper)


def everything(algorithm, wrapper):
    """Copies of weights, alpha and the states of both optimizers."""
    state = copy.deepcopy(wrapper.state_dict())
    del state['loss_scaler']
    return dict(algorithm.state_dict()), state


def gradients_at_the_step(wrapper, names):
    """Gradients that the optimizers step along, filled as they do."""
    kept = {}

    def keep(optimizer, *_):
        for group in optimizer.param_groups:
            for p in group['params']:
                if p.grad is not None:
                    kept[names[p]] = p.grad.clone()

    for part in wrapper.values():
        part.optimizer.register_step_pre_hook(keep)
    return kept


@pytest.mark.parametrize('where', ['everywhere', 'alpha', 'weights'])
def test_an_overflow_skips_the_steps_of_both(where):
    algorithm, wrapper = start()
    step(algorithm, wrapper)  # so that there are momentum and moments
    parameter = dict(
        alpha=next(iter(algorithm.mutator.arch_params.values())),
        weights=algorithm.architecture.head.weight,
    ).get(where)
    if parameter is None:
        wrapper.loss_scaler.update(2.0**40)
    else:
        hook = parameter.register_hook(lambda grad: grad * float('inf'))
    scale = wrapper.loss_scaler.get_scale()
    before = copy.deepcopy(everything(algorithm, wrapper))
    step(algorithm, wrapper)
    assert same(everything(algorithm, wrapper), before)
    assert wrapper.skipped and wrapper.loss_scaler.get_scale() == scale / 2
    assert all(p.grad is None for p in algorithm.parameters())

    if parameter is None:
        wrapper.loss_scaler.update(SCALE)
    else:
        hook.remove()
    step(algorithm, wrapper)
    assert not wrapper.skipped
    (weights, state), (old, old_state) = everything(algorithm, wrapper), before
    moved = [n for n in weights if not torch.equal(weights[n], old[n])]
    assert 'architecture.head.weight' in moved
    assert sum('_arch_params' in name for name in moved) == 3
    counts = {float(s['step']) for s in state['mutator']['state'].values()}
    assert counts == {2.0}
    assert not same(state['architecture'], old_state['architecture'])


def test_alpha_gets_unscaled_rewards():
    """Those of float32 up to the precision of float16, whatever the scale."""
    for scale in (1.0, SCALE, 2.0**14):
        algorithm, wrapper = start(scale)
        net, mutator = algorithm.architecture, algorithm.mutator
        path = mutator.draw_path(0, 0, 0)
        inputs, labels = batch()
        _, rewards, _ = explicit_gates(net, path.values(), inputs.float(), labels)
        wanted = {
            name: reward
            * (
                torch.tensor([c == path[name] for c in mutator.choices(name)]).float()
                - mutator.arch_params[name].detach().softmax(-1)
            )
            for name, reward in zip(path, rewards)
        }
        names = {p: name for name, p in mutator.arch_params.items()}
        names |= {p: 'weight' for p in net.parameters()}
        found = gradients_at_the_step(wrapper, names)
        step(algorithm, wrapper)
        for name, grad in wanted.items():
            assert (found[name] - grad).norm() <= 5e-3 * rewards.abs().max()
        kept = algorithm.gradient_estimator.block_rewards / wrapper.loss_factor
        assert (kept - rewards).abs().max() <= 5e-3 * rewards.abs().max()
        assert float(wrapper.loss_factor) == scale


def test_the_pressure_of_a_limit_has_the_size_of_unscaled_gradients():
    sizes = []
    for scale in (1.0, SCALE):
        algorithm, wrapper = start(scale, cost=dict(limit=1.0))
        step(algorithm, wrapper)
        assert not wrapper.skipped
        sizes.append(algorithm.cost_term.multipliers.mean_square)
    assert sizes[0].min() > 0
    torch.testing.assert_close(*sizes, rtol=0.05, atol=0)


def moves(algorithm, before):
    """How far the weights and alpha went, as two vectors."""
    return [
        torch.cat([(a - b).flatten() for a, b in zip(part.parameters(), old)])
        for part, old in zip((algorithm.architecture, algorithm.mutator), before)
    ]


@pytest.mark.parametrize('clips', [True, False])
def test_clipping_is_that_of_unscaled_gradients(clips):
    """A limit between the norms of unscaled and scaled gradients has no effect."""
    max_norm = 1e-3 if clips else 50.0
    found = {}
    for limit in (None, max_norm):
        clip = {} if limit is None else dict(clip_grad=dict(max_norm=limit))
        algorithm, wrapper = start(mutator='SGD', **clip)
        parts = algorithm.architecture, algorithm.mutator
        before = [[p.detach().clone() for p in part.parameters()] for part in parts]
        step(algorithm, wrapper)
        assert not wrapper.skipped
        found[limit] = moves(algorithm, before)
    for free, clipped in zip(found[None], found[max_norm]):
        norm = free.norm() / 0.1
        assert max_norm * 2 < norm if clips else norm < max_norm < norm * SCALE
        wanted = free * (max_norm / norm if clips else 1.0)
        assert (clipped - wanted).norm() <= 1e-3 * wanted.norm()


@pytest.mark.parametrize('channels_last', [False, True])
def test_rewards_of_a_bfloat16_network_are_exact_inner_products(
    monkeypatch, channels_last
):
    """Of the maps and gradients that there are, on ShuffleNetV2."""
    torch.manual_seed(0)
    algorithm = build(
        dict(
            type='mmdsnas.DSNAS',
            architecture=small_shufflenet(),
            resource_estimator=dict(input_shape=(1, 3, 32, 32)),
        )
    ).train()
    images = torch.randn(16, 3, 32, 32)
    if channels_last:
        algorithm = algorithm.to(memory_format=torch.channels_last)
        images = images.to(memory_format=torch.channels_last)
    estimator, pairs = algorithm.gradient_estimator, []
    gate = one_hot_mutable_op.gate

    def watched(y, score):
        out, pair = gate(y, score), [y.detach()]
        pairs.append(pair)
        out.register_hook(lambda grad: pair.append(grad.detach()))
        return out

    monkeypatch.setattr(one_hot_mutable_op, 'gate', watched)
    algorithm.begin(epoch=0)
    with torch.autocast('cpu', dtype=torch.bfloat16):
        losses = algorithm.loss(images, [ClsDataSample().set_gt_label(1)] * 16)
    losses['task.loss'].backward()
    assert len(pairs) == len(estimator.block_rewards) == 4
    assert estimator.block_rewards.dtype is torch.float32
    for (y, grad), reward in zip(pairs, estimator.block_rewards):
        assert y.dtype is grad.dtype is torch.bfloat16
        y, grad = y.double(), grad.double()
        error = (reward.double() - (y * grad).sum()).abs()
        assert error <= 1e-7 * y.norm() * grad.norm()
