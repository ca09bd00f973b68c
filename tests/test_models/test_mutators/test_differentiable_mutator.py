import copy
import math
import random

import numpy as np
import pytest
import torch
import torch.nn as nn
from scipy import stats

from mmdsnas.errors import ConfigError
from mmdsnas.models import DifferentiableMutator
from mmdsnas.registry import MODELS
from tests.test_models.test_mutators.spaces import ALPHAS, SIZES, mixed_net
from tests.toy import (
    ToyNet,
    block,
    prepared,
    set_alpha,
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


@pytest.mark.parametrize(
    ('options', 'match'),
    [
        (
            dict(init_std=-1e-3),
            'init_std of Diff.* at least 0, but is -0.001',
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
