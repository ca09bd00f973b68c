import copy
import math
import random

import numpy as np
import pytest
import torch
import torch.nn as nn
from mmengine.optim import OptimWrapper
from scipy import stats

from mmdsnas.engine import SearchOptimWrapperDict
from mmdsnas.errors import ConfigError
from mmdsnas.models import DifferentiableMutator
from mmdsnas.registry import MODELS
from tests.toy import (
    Apply,
    ToyNet,
    batch,
    block,
    explicit_gates,
    prepared,
    searching,
    set_alpha,
    smooth_net,
)

# Groups of two, three, one and five candidates.
SIZES = (2, 3, 1, 5)
ALPHAS = dict(
    equal=([0, 0], [0, 0, 0], [0], [0] * 5),
    varied=([0.5, -0.5], [1, 0, -1], [2], [0.1, 0.2, 0.3, 0.4, 1.5]),
    steep=([0, 3], [-4, 0, 0.5], [-1], [0, 1, 2, 3, 4]),
    large=([900, 899], [-900, -901, -899], [500], [0, 0, 0, -80, 1]),
)


def mixed_net():
    """Blocks with different numbers of candidates."""
    return ToyNet(
        [
            block(**{f'c{k}': Apply(lambda x, k=k: x + k) for k in range(size)})
            for size in SIZES
        ]
    )


def draws(mutator, num, seed=0, rank=0):
    """Index of the candidate by iteration and group."""
    names = list(mutator.search_groups)
    indices = {
        name: {choice: k for k, choice in enumerate(mutator.choices(name))}
        for name in names
    }
    return np.array(
        [
            [indices[n][c] for n, c in mutator.draw_path(seed, i, rank).items()]
            for i in range(num)
        ]
    )


# Building


def test_it_is_registered_and_has_an_alpha_for_every_group():
    mutator = MODELS.build(
        dict(type='mmdsnas.DifferentiableMutator', init_mean=2.0, init_std=0.0)
    )
    mutator.prepare_from_supernet(mixed_net())
    assert [len(alpha) for alpha in mutator.parameters()] == list(SIZES)
    assert all((alpha == 2).all() for alpha in mutator.parameters())


def test_the_initial_alpha_is_normal():
    torch.manual_seed(0)
    net = ToyNet([block(**{f'c{k}': nn.Identity() for k in range(5000)})])
    (alpha,) = prepared(net, init_mean=1.0, init_std=0.5).parameters()
    values = alpha.detach().double().numpy()
    assert stats.kstest(values, stats.norm(1.0, 0.5).cdf).pvalue > 1e-3


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (
            dict(init_std=-1e-3),
            'init_std of Diff.* a finite number, from 0 to 100, but is -0.001',
        ),
        (dict(fix_threshold=0.0), r'fix_threshold of .*above 0.*but is 0\.0'),
        (dict(fix_threshold=-0.3), r'fix_threshold of .*but is -0\.3'),
        (dict(fix_threshold=1.01), r'fix_threshold of .*at most 1.*1\.01'),
        (dict(init_std='a'), "init_std .* a finite number.*but is 'a'"),
        (dict(init_mean=float('nan')), 'init_mean .* a finite number.*but is nan'),
    ],
)
def test_options_out_of_range(options, match):
    with pytest.raises(ConfigError, match=match):
        DifferentiableMutator(**options)


# Distribution


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


def test_probabilities_of_some_groups():
    mutator = prepared(mixed_net()).double()
    set_alpha(mutator, *ALPHAS['varied'])
    some = mutator.probs(['module_3', 'module_0'])
    assert torch.allclose(some, mutator.probs()[[3, 0]], atol=0, rtol=1e-15)


# Draws


@pytest.mark.parametrize('name', ALPHAS)
@pytest.mark.parametrize('rank', [0, 3])
def test_draw_frequencies_are_the_probabilities(name, rank):
    mutator = prepared(mixed_net())
    set_alpha(mutator, *ALPHAS[name])
    num = 4000
    drawn = draws(mutator, num, seed=1, rank=rank)
    for column, alpha in zip(drawn.T, ALPHAS[name], strict=True):
        p = np.exp(np.array(alpha, float) - max(alpha))
        p /= p.sum()
        counts = np.bincount(column, minlength=len(alpha))
        assert len(counts) == len(alpha)
        assert counts[p * num < 1e-3].sum() == 0
        frequent = p * num > 1
        if frequent.sum() > 1:
            expected = p[frequent] / p[frequent].sum() * counts[frequent].sum()
            assert stats.chisquare(counts[frequent], expected).pvalue > 1e-3


def test_the_frequency_test_would_notice_a_wrong_distribution():
    mutator = prepared(mixed_net())
    set_alpha(mutator, *ALPHAS['equal'])
    counts = np.bincount(draws(mutator, 4000, seed=1)[:, 1], minlength=3)
    wrong = np.array([0.36, 0.32, 0.32]) * 4000
    assert stats.chisquare(counts, wrong).pvalue < 1e-3


def test_groups_are_drawn_independently():
    mutator = prepared(mixed_net())
    set_alpha(mutator, *ALPHAS['varied'])
    first, second, _, fourth = draws(mutator, 4000).T
    other_rank = draws(mutator, 4000, rank=1)[:, 1]
    for a, b in [(first, second), (second, fourth), (second, other_rank)]:
        table = np.zeros((a.max() + 1, b.max() + 1))
        np.add.at(table, (a, b), 1)
        assert stats.chi2_contingency(table).pvalue > 1e-3


def test_draws_do_not_depend_on_anything_else():
    """Neither on the global generators nor on the order of the calls."""
    mutator = prepared(mixed_net())
    keys = [(s, i, r) for s in (0, 7) for i in range(20) for r in (0, 1)]
    wanted = {key: mutator.draw_path(*key) for key in keys}
    twin = copy.deepcopy(mutator)
    random.Random(0).shuffle(keys)
    for number, key in enumerate(keys):
        torch.manual_seed(number)
        np.random.seed(number)
        random.seed(number)
        torch.rand(number)
        assert twin.draw_path(*key) == wanted[key]


def test_another_purpose_has_draws_of_its_own():
    mutator = prepared(mixed_net())
    paths = [[mutator.draw_path(0, i, 0, s) for i in range(20)] for s in (0, 1)]
    assert paths[0] == [mutator.draw_path(0, i, 0) for i in range(20)]
    assert sum(a != b for a, b in zip(*paths)) > 10


def test_draws_leave_the_global_generators_alone():
    mutator = prepared(mixed_net())
    states = torch.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()
    mutator.draw_path(0, 0, 0)
    assert torch.equal(torch.get_rng_state(), states[0])
    assert (np.random.get_state()[1] == states[1]).all()
    assert random.getstate() == states[2]


def test_seeds_iterations_and_ranks_differ():
    mutator = prepared(mixed_net())
    base = draws(mutator, 50)
    assert (base[1:] != base[:-1]).any()
    assert (draws(mutator, 50, rank=1) != base).any()
    assert (draws(mutator, 50, seed=1) != base).any()
    # No stream is another one, shifted: rank 1 is not rank 0 a step later.
    assert (draws(mutator, 50, rank=1)[:-1] != base[1:]).any()
    assert (draws(mutator, 50, seed=1)[:-1] != base[1:]).any()


@pytest.mark.parametrize('name', ['module_0', 'module_1', 'module_3'])
def test_a_fixed_group_leaves_the_draws_of_the_others(name):
    mutator = prepared(mixed_net())
    index = list(mutator.search_groups).index(name)
    before = draws(mutator, 100)
    choice = mutator.choices(name)[1]
    mutator.fix({name: choice})
    after = draws(mutator, 100)
    assert (np.delete(after, index, 1) == np.delete(before, index, 1)).all()
    assert (after[:, index] == 1).all()


def test_a_path_has_every_group_in_order():
    mutator = prepared(mixed_net())
    mutator.fix(dict(module_2='c0', module_0='c1'))
    assert list(mutator.draw_path(0, 0, 0)) == list(mutator.search_groups)
    mutator.fix(mutator.derive_child())
    assert mutator.draw_path(0, 0, 0) == mutator.derive_child()


def test_a_draw_has_no_gradient():
    mutator = prepared(mixed_net())
    mutator.draw_path(0, 0, 0)
    assert mutator.probs().requires_grad


# The child


def test_the_child_is_the_argmax():
    mutator = prepared(mixed_net())
    set_alpha(mutator, [0, 1], [3, 1, 2], [-5], [0, 0, 1, 0, 0.5])
    wanted = dict(module_0='c1', module_1='c0', module_2='c0', module_3='c2')
    assert mutator.derive_child() == wanted
    for kind in ('random', 'max', 'min'):
        assert mutator.sample_choices(kind) == wanted
    mutator.fix(dict(module_3='c4'))
    assert mutator.derive_child() == {**wanted, 'module_3': 'c4'}


def test_ties_go_to_the_first_candidate():
    mutator = prepared(mixed_net(), init_std=0.0)
    assert set(mutator.derive_child().values()) == {'c0'}


def test_confidence_outlives_the_fixing():
    mutator = prepared(mixed_net()).double()
    set_alpha(mutator, [0, math.log(3)], [0, 0, 0], [1], [0, 0, 0, 0, math.log(6)])
    wanted = dict(module_0=0.75, module_1=1 / 3, module_2=1.0, module_3=0.6)
    for _ in range(2):
        assert mutator.confidence() == pytest.approx(wanted, abs=1e-15)
        mutator.fix(mutator.derive_child())


# Groups that share one alpha


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
        algorithm.begin_iteration(iteration, 4)
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
    assert [op.fixed_choice for op in net.blocks] == ['sine', None, 'sine']
    assert mutator.free == ['module_1'] and mutator.free_blocks == [net.blocks[1]]


# Fixing


def test_early_fixing_fixes_the_argmax_of_what_is_decided():
    mutator = prepared(mixed_net(), fix_threshold=0.3).double()
    undecided = [0, math.log(1.8)]  # a margin of 0.286
    set_alpha(mutator, undecided, [0, 0, math.log(2.2)], [0], [9, 0, 0, 0, 0])
    # Margins: 0.286; 0.524 - 0.238 = 0.286; one candidate: 1; about 1.
    assert mutator.early_fix() == dict(module_2='c0', module_3='c0')
    assert mutator.fixed == dict(module_2='c0', module_3='c0')
    assert mutator.early_fix() == {}
    set_alpha(mutator, [0, math.log(1.9)], [0, 0, math.log(2.4)], [0], [0] * 5)
    # Margins: 0.310; 0.545 - 0.227 = 0.318.
    assert mutator.early_fix() == dict(module_0='c1', module_1='c2')
    assert mutator.free == [] and mutator.early_fix() == {}
    # What alpha says later does not matter.
    assert mutator.derive_child()['module_3'] == 'c0'


def test_a_margin_at_the_threshold_is_decided():
    mutator = prepared(ToyNet([block(a=nn.Identity(), b=nn.Tanh())]), fix_threshold=1.0)
    set_alpha(mutator, [0, 200])
    assert mutator.early_fix() == dict(module_0='b')


def test_early_fixing_is_off_by_default():
    mutator = prepared(mixed_net())
    set_alpha(mutator, [0, 99], [0, 99, 0], [0], [99, 0, 0, 0, 0])
    assert mutator.early_fix() == {} and mutator.fixed == {}


def test_fixing_an_unknown_candidate():
    mutator = prepared(mixed_net())
    with pytest.raises(ConfigError, match="'c9' is not a candidate.*c0, c1, c2"):
        mutator.fix(dict(module_1='c9'))
    assert mutator.fixed == {} and mutator._fixed.tolist() == [-1] * 4


def test_fixing_an_unknown_group():
    with pytest.raises(ConfigError, match='module_9'):
        prepared(mixed_net()).fix(dict(module_9='c0'))


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
        algorithm.begin_iteration(iteration, 0)
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
    assert algorithm.begin_epoch(1) == dict(module_0='square')
    assert not alphas[0].requires_grad and alphas[1].requires_grad

    before = [alpha.detach().clone() for alpha in alphas]
    train(algorithm, optim_wrapper, range(10, 30))
    assert torch.equal(alphas[0], before[0])
    assert not torch.equal(alphas[1], before[1])
    assert not torch.equal(alphas[2], before[2])


# The state


def test_the_state_keeps_what_is_fixed():
    mutator = prepared(mixed_net())
    mutator.fix(dict(module_1='c2', module_3='c0'))
    state = mutator.state_dict()
    twin = prepared(mixed_net())
    twin.load_state_dict(state)
    assert twin.fixed == dict(module_1='c2', module_3='c0')
    assert twin.free == ['module_0', 'module_2']
    assert [alpha.requires_grad for alpha in twin.parameters()] == [
        True,
        False,
        True,
        False,
    ]
    assert all(map(torch.equal, twin.parameters(), mutator.parameters()))
    blocks = [group[0] for group in twin.search_groups.values()]
    assert [op.fixed_choice for op in blocks] == [None, 'c2', None, 'c0']
    # And once more, from what was loaded.
    assert all(map(torch.equal, twin.state_dict().values(), state.values()))


def test_the_state_of_the_whole_algorithm_keeps_what_is_fixed():
    algorithm = searching(smooth_net())
    algorithm.mutator.fix(dict(module_2='sine'))
    twin = searching(smooth_net())
    twin.load_state_dict(algorithm.state_dict(), strict=True)
    assert twin.mutator.fixed == dict(module_2='sine')
    assert twin.architecture.blocks[2].fixed_choice == 'sine'


def test_a_state_without_the_record_is_unfixed():
    mutator = prepared(mixed_net())
    mutator.fix(dict(module_1='c2'))
    state = {k: v for k, v in mutator.state_dict().items() if k != '_fixed'}
    keys = list(state)
    mutator.load_state_dict(state, strict=True)
    assert mutator.fixed == {}
    assert list(state) == keys  # the caller's dict is his

    algorithm = searching(smooth_net())
    state = algorithm.state_dict()
    del state['mutator._fixed']
    algorithm.load_state_dict(state, strict=True)
    assert algorithm.mutator.fixed == {}


def test_an_unfixed_state_unfixes():
    net = mixed_net()
    mutator = prepared(net)
    state = copy.deepcopy(mutator.state_dict())
    mutator.fix(mutator.derive_child())
    mutator.load_state_dict(state)
    assert mutator.fixed == {} and mutator._fixed.tolist() == [-1] * 4
    assert all(op.fixed_choice is None for op in net.blocks)
    assert all(alpha.requires_grad for alpha in mutator.parameters())
    mutator.probs().square().sum().backward()
    assert all(alpha.grad is not None for alpha in mutator.parameters())


def test_another_fixing_replaces_the_former():
    mutator, other = prepared(mixed_net()), prepared(mixed_net())
    mutator.fix(dict(module_0='c0', module_1='c0'))
    other.fix(dict(module_1='c2', module_3='c1'))
    mutator.load_state_dict(other.state_dict())
    assert mutator.fixed == dict(module_1='c2', module_3='c1')
