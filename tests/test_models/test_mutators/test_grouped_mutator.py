import copy

import numpy as np
import pytest
import torch
import torch.nn as nn
from mmengine.optim import OptimWrapper
from scipy import stats

from mmdsnas.engine import SearchOptimWrapperDict
from mmdsnas.errors import ConfigError
from tests.test_models.test_mutators.spaces import ALPHAS, mixed_net
from tests.toy import (
    ToyNet,
    all_paths,
    batch,
    block,
    explicit_gates,
    prepared,
    searching,
    set_alpha,
    smooth_net,
)


def test_the_initial_alpha_is_normal():
    torch.manual_seed(0)
    net = ToyNet([block(**{f'c{k}': nn.Identity() for k in range(5000)})])
    (alpha,) = prepared(net, init_mean=1.0, init_std=0.5).parameters()
    values = alpha.detach().double().numpy()
    assert stats.kstest(values, stats.norm(1.0, 0.5).cdf).pvalue > 1e-3


@pytest.mark.parametrize('name', ALPHAS)
def test_probabilities_are_the_softmax_of_every_row(name):
    mutator = prepared(mixed_net()).double()
    set_alpha(mutator, *ALPHAS[name])
    probs = mutator.probs().detach().numpy()
    assert probs.shape == (4, 5)
    for row, alpha in zip(probs, ALPHAS[name], strict=True):
        wanted = np.exp(np.array(alpha) - max(alpha))
        wanted /= wanted.sum()
        assert np.abs(row[: len(alpha)] - wanted).max() <= 1e-15
        assert (row[len(alpha) :] == 0).all()


def test_a_fixed_group_is_certain_and_has_no_gradient():
    mutator = prepared(mixed_net()).double()
    mutator.fix(dict(module_1='c1'))
    probs = mutator.probs()
    assert probs[1].tolist() == [0, 1, 0, 0, 0]
    (probs * torch.arange(20).view(4, 5)).sum().backward()
    assert [alpha.grad is None for alpha in mutator.parameters()] == [
        False,
        True,
        False,
        False,
    ]


def shared_by_alias():
    return smooth_net('x', None, 'x'), None


def shared_by_custom_group():
    return smooth_net(), [['blocks.0', 'blocks.2']]


@pytest.mark.parametrize('make', [shared_by_alias, shared_by_custom_group])
def test_blocks_that_share_alpha_get_the_sum_of_their_rewards(make):
    torch.manual_seed(0)
    net, groups = make()
    algorithm = searching(net, mutator=dict(custom_groups=groups))
    mutator = algorithm.mutator
    shared, single = mutator.search_groups
    assert mutator.search_groups[shared] == [net.blocks[0], net.blocks[2]]
    set_alpha(mutator, [0.2, 0.9, -0.4], [0.1, -0.2, 0.3])
    for iteration in range(9):
        algorithm.zero_grad()
        algorithm.begin(iteration=iteration, seed=4)
        algorithm.loss(*batch())['task.loss'].backward()
        path = mutator.current_choices
        choices = [path[shared], path[single], path[shared]]
        assert [op.current_choice for op in net.blocks] == choices
        _, rewards, _ = explicit_gates(net, choices, *batch())
        for name, reward in ((shared, rewards[0] + rewards[2]), (single, rewards[1])):
            alpha = mutator.arch_params[name]
            one_hot = torch.tensor([c == path[name] for c in mutator.choices(name)])
            wanted = reward * (one_hot.double() - alpha.detach().softmax(-1))
            assert (alpha.grad - wanted).abs().max() <= 1e-12
        # Their own rewards stay apart, in the order of the free blocks.
        found = algorithm.gradient_estimator.block_rewards
        assert (found - rewards[[0, 2, 1]]).abs().max() <= 1e-12


def test_a_fixed_group_fixes_all_its_blocks():
    net, groups = shared_by_custom_group()
    mutator = prepared(net, custom_groups=groups)
    mutator.fix(dict(module_0='sine'))
    assert [op.current_choice for op in net.blocks] == ['sine', None, 'sine']
    assert mutator.free == ['module_1']


def test_a_fixed_block_keeps_its_candidate():
    """Whatever path is executed, and whatever gate there was."""
    net = smooth_net()
    mutator = prepared(net)
    net.blocks[1].set_forward_args(mutator.arch_params['module_1'])
    mutator.fix(dict(module_1='sine'))
    assert net.blocks[1].gate is None
    for path in all_paths(mutator):
        mutator.set_choices(path)
        assert mutator.current_choices == {**path, 'module_1': 'sine'}


def test_fixing_drops_the_gradients_of_the_unselected():
    """One left from accumulation would move them once more."""
    net = smooth_net()
    mutator, names = prepared(net), list(net.state_dict())
    for weight in net.blocks.parameters():
        weight.grad = torch.ones_like(weight)
    mutator.fix(dict(module_1='sine'))
    kept = [n for n, w in net.blocks.named_parameters() if w.grad is not None]
    assert {n.split('.')[2] for n in kept if n.startswith('1.')} == {'sine'}
    assert len([n for n in kept if not n.startswith('1.')]) == 2 * 3 * 2
    # They stay in the state, and are frozen for good only.
    assert list(net.state_dict()) == names
    assert all(weight.requires_grad for weight in net.parameters())
    mutator.freeze_unselected()
    frozen = {n for n, w in net.blocks.named_parameters() if not w.requires_grad}
    assert {tuple(n.split('.')[::2][:2]) for n in frozen} == {
        ('1', 'tanh'),
        ('1', 'square'),
    }


def test_fixing_what_is_unknown_fixes_nothing():
    mutator = prepared(mixed_net())
    for path in (dict(module_1='c9'), dict(module_0='c0', module_9='c0')):
        with pytest.raises(ConfigError, match="'c[90]' .* 'module_[19]'; .*c2"):
            mutator.fix(path)
    assert mutator.fixed == {} and mutator._fixed.tolist() == [-1] * 4


OPTIMIZERS = dict(
    adam=lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1),
    adamw=lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1),
    sgd=lambda p: torch.optim.SGD(p, lr=0.5, momentum=0.9, weight_decay=0.1),
    nesterov=lambda p: torch.optim.SGD(
        p, lr=0.5, momentum=0.9, weight_decay=0.1, nesterov=True
    ),
)


def train(algorithm, optim_wrapper, iterations):
    inputs, labels = batch()
    for iteration in iterations:
        algorithm.begin(iteration=iteration, seed=0)
        algorithm.train_step(dict(inputs=inputs, data_samples=labels), optim_wrapper)


@pytest.mark.parametrize('optimizer', OPTIMIZERS)
@pytest.mark.parametrize('accumulate', [1, 4])
def test_the_alpha_of_a_fixed_block_does_not_move(optimizer, accumulate):
    """Whatever momentum, weight decay and gradient there is at that time."""
    torch.manual_seed(0)
    algorithm = searching(smooth_net(), mutator=dict(fix_threshold=0.5))
    mutator = algorithm.mutator
    make = OPTIMIZERS[optimizer]
    # Groups of the optimizer as a config makes them: one a parameter.
    optim_wrapper = SearchOptimWrapperDict(
        architecture=OptimWrapper(
            torch.optim.SGD(algorithm.architecture.parameters(), lr=0.01),
            accumulative_counts=accumulate,
        ),
        mutator=OptimWrapper(
            make(list(mutator.parameters())), accumulative_counts=accumulate
        ),
    )
    optim_wrapper.initialize_count_status(algorithm, 0, 1000)
    train(algorithm, optim_wrapper, range(8))
    alphas = list(mutator.parameters())
    set_alpha(mutator, [0, 0, 9], [0, 0, 0], [0, 0, 0])
    train(algorithm, optim_wrapper, range(8, 10))
    if accumulate > 1:  # two of four batches: a gradient waits
        assert alphas[0].grad.abs().sum() > 0
    else:  # as if an earlier backward pass had left one
        alphas[0].grad = torch.ones_like(alphas[0])
    assert algorithm.begin(epoch=1) == dict(module_0='square')
    assert not alphas[0].requires_grad and alphas[1].requires_grad

    before = [alpha.detach().clone() for alpha in alphas]
    train(algorithm, optim_wrapper, range(10, 30))
    assert torch.equal(alphas[0], before[0])
    assert not torch.equal(alphas[1], before[1])
    assert not torch.equal(alphas[2], before[2])


def test_the_state_keeps_what_is_fixed():
    mutator = prepared(mixed_net())
    mutator.fix(dict(module_1='c2', module_3='c0'))
    state = mutator.state_dict()
    twin = prepared(mixed_net())
    twin.fix(dict(module_0='c0', module_1='c0'))
    twin.load_state_dict(state)
    assert twin.fixed == dict(module_1='c2', module_3='c0')
    assert twin.free == ['module_0', 'module_2']
    trained = [alpha.requires_grad for alpha in twin.parameters()]
    assert trained == [True, False, True, False]
    assert all(map(torch.equal, twin.parameters(), mutator.parameters()))
    blocks = [group[0] for group in twin.search_groups.values()]
    assert [op.current_choice for op in blocks] == ['c0', 'c2', None, 'c0']
    # And once more, from what was loaded.
    assert all(map(torch.equal, twin.state_dict().values(), state.values()))


def test_a_state_without_the_record_is_unfixed():
    mutator = prepared(mixed_net())
    mutator.fix(dict(module_1='c2'))
    state = {k: v for k, v in mutator.state_dict().items() if k != '_fixed'}
    keys = list(state)
    mutator.load_state_dict(state, strict=True)
    assert mutator.fixed == {}
    assert list(state) == keys  # the caller's dict is his


def test_an_unfixed_state_unfixes():
    mutator = prepared(mixed_net())
    state = copy.deepcopy(mutator.state_dict())
    mutator.fix(mutator.derive_child())
    mutator.load_state_dict(state)
    assert mutator.fixed == {} and mutator._fixed.tolist() == [-1] * 4
    assert all(alpha.requires_grad for alpha in mutator.parameters())
    mutator.probs().square().sum().backward()
    assert all(alpha.grad is not None for alpha in mutator.parameters())
