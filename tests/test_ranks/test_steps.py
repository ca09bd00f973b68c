"""Steps on several ranks against plain autograd and torch's optimizers.

In float64, with BatchNorm in eval mode, on mmengine's own wrapper.
"""

import itertools

import pytest
import torch
from mmengine.dist import get_rank
from mmengine.registry import MODEL_WRAPPERS

from mmdsnas.engine import SearchOptimWrapperConstructor
from tests.ranks import WRAPPER, on_ranks
from tests.toy import batch, explicit_gates, searching
from tests.toy_run import normed_net, with_frozen_statistics

OPTIMIZERS = dict(
    SGD=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=0.01),
    Adam=dict(type='Adam', lr=0.01, betas=(0.5, 0.999), weight_decay=0.01),
)
TT, TS, ST, SS = itertools.product(['tanh', 'sine'], repeat=2)
SAMPLES = 64


def build():
    """A search whose BatchNorm layers have statistics that matter, in eval mode."""
    return with_frozen_statistics(searching(normed_net().double()))


def state_of(algorithm):
    """Weights and alpha."""
    return {n: p.detach() for n, p in algorithm.named_parameters()}


def train(optimizer, plan, accumulate=1):
    """Trains on this rank's part of a plan.

    Args:
        optimizer (str): Of weights and alpha.
        plan (list): Micro-batches; each the path and the samples of every rank.
        accumulate (int): Micro-batches to a step.

    Returns:
        tuple: All parameters, the names of those that had no gradient in each
        step, and whether each micro-batch exchanged gradients.
    """
    algorithm, (inputs, labels) = build(), batch(SAMPLES)
    part = dict(
        type='OptimWrapper',
        optimizer=OPTIMIZERS[optimizer],
        accumulative_counts=accumulate,
    )
    config = dict(architecture=dict(part), mutator=dict(part))
    optim_wrapper = SearchOptimWrapperConstructor(config)(algorithm)
    optim_wrapper.initialize_count_status(algorithm, 0, len(plan))
    without, exchanged = [], []
    optim_wrapper['architecture'].optimizer.register_step_pre_hook(
        lambda *_: without.append(
            [n for n, p in algorithm.named_parameters() if p.grad is None]
        )
    )
    model = algorithm
    if torch.distributed.is_initialized():
        model = MODEL_WRAPPERS.build({**WRAPPER, 'module': algorithm})
        # It says so during the forward pass alone.
        algorithm.register_forward_hook(
            lambda *_: exchanged.append(model.require_backward_grad_sync)
        )
    names = list(algorithm.mutator.search_groups)
    for ranks in plan:
        path, samples = ranks[get_rank()]
        algorithm.mutator.draw_path = lambda *_, path=path: dict(zip(names, path))
        data = dict(inputs=inputs[samples], data_samples=labels[samples])
        model.train_step(data, optim_wrapper)
    return state_of(algorithm), without, exchanged


def mean_gradients(algorithm, paths_and_samples):
    """The mean of what each path's gradient is by itself; None if none has one."""
    inputs, labels = batch(SAMPLES)
    net, mutator = algorithm.architecture, algorithm.mutator
    total = {}
    for path, samples in paths_and_samples:
        _, rewards, grads = explicit_gates(net, path, inputs[samples], labels[samples])
        named = {f'architecture.{n}': grad for n, grad in grads.items()}
        for name, choice, reward in zip(mutator.search_groups, path, rewards):
            onehot = torch.tensor([c == choice for c in mutator.choices(name)])
            probs = mutator.arch_params[name].detach().softmax(-1)
            named[f'mutator._arch_params.{name}'] = reward * (onehot.double() - probs)
        for name, grad in named.items():
            if grad is not None:
                total[name] = total.get(name, 0) + grad / len(paths_and_samples)
    return total


def expected(optimizer, plan, accumulate=1):
    """Parameters after a plan, by plain steps along the mean gradients."""
    algorithm = build()
    options = dict(OPTIMIZERS[optimizer])
    kind = getattr(torch.optim, options.pop('type'))
    stepped = kind(algorithm.parameters(), **options)
    for start in range(0, len(plan), accumulate):
        together = sum(plan[start : start + accumulate], [])
        grads = mean_gradients(algorithm, together)
        for name, parameter in algorithm.named_parameters():
            parameter.grad = grads.get(name)
        stepped.step()
    return state_of(algorithm)


def assert_equal(found, wanted):
    assert found.keys() == wanted.keys()
    for name, value in wanted.items():
        assert (found[name] - value).abs().max() <= 1e-12, name


@pytest.mark.parametrize('optimizer', OPTIMIZERS)
@pytest.mark.parametrize(('num', 'size'), [(2, 8), (4, 4)])
def test_one_path_for_all_ranks_is_one_large_batch(tmp_path, optimizer, num, size):
    paths = [TS, TT, ST]
    parts = [slice(r * size, (r + 1) * size) for r in range(num)]
    plan = [[(path, part) for part in parts] for path in paths]
    whole, *_ = train(optimizer, [[(path, slice(0, num * size))] for path in paths])
    assert_equal(whole, expected(optimizer, plan))
    for state, *_ in on_ranks(num, tmp_path, train, optimizer, plan):
        assert_equal(state, whole)


DIFFERENT = {
    2: [[TT, SS], [TS, TT], [ST, TS]],
    4: [[TT, SS, TS, ST], [TS, TS, TT, TS], [SS, ST, SS, ST]],
}


@pytest.mark.parametrize('optimizer', OPTIMIZERS)
@pytest.mark.parametrize('sizes', [(8, 8), (8, 3), (8, 8, 8, 8), (8, 8, 5, 1)])
def test_different_paths_give_the_mean_gradient(tmp_path, optimizer, sizes):
    """Every rank counts alike, however large its last batch is."""
    ends = list(itertools.accumulate(sizes))
    parts = [slice(end - size, end) for end, size in zip(ends, sizes)]
    plan = [list(zip(paths, parts)) for paths in DIFFERENT[len(sizes)]]
    wanted = expected(optimizer, plan)
    for state, *_ in on_ranks(len(sizes), tmp_path, train, optimizer, plan):
        assert_equal(state, wanted)


@pytest.mark.parametrize('optimizer', OPTIMIZERS)
def test_accumulation_with_a_path_for_each_part(tmp_path, optimizer):
    """The mean over ranks and micro-batches; the last step has one of them.

    The second step's last micro-batch leaves candidates out that its first,
    whose gradients are not exchanged by themselves, executed on one rank.
    """
    paths = [[TT, SS], [TS, ST], [SS, TT], [TT, TT], [ST, TS]]
    parts = iter(slice(i, i + 6) for i in range(0, 60, 6))
    plan = [[(path, next(parts)) for path in ranks] for ranks in paths]
    wanted = expected(optimizer, plan, accumulate=2)
    for state, _, exchanged in on_ranks(2, tmp_path, train, optimizer, plan, 2):
        assert_equal(state, wanted)
        assert exchanged == [False, True, False, True, True]


def test_what_no_rank_executes_does_not_move(tmp_path):
    """In spite of momentum and weight decay; what one rank executes does move."""
    parts = [slice(0, 8), slice(8, 16)]
    plan = [list(zip(paths, parts)) for paths in ([TT, SS], [TS, SS])]
    left_out = 'architecture.blocks.1._candidates.tanh'
    one_rank = 'architecture.blocks.0._candidates.tanh'
    (after_one, *_), _ = on_ranks(2, tmp_path, train, 'SGD', plan[:1])
    (state, without, _), (other, *_) = on_ranks(2, tmp_path, train, 'SGD', plan)
    idle = [name for name in state if name.startswith(left_out)]
    assert len(idle) == 4 and without == [[], idle]
    for name in idle:
        assert torch.equal(state[name], after_one[name])
        assert torch.equal(other[name], after_one[name])
    assert not any(
        torch.equal(state[n], after_one[n]) for n in state if n.startswith(one_rank)
    )
