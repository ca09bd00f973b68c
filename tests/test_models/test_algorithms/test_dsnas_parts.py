"""Parts of DSNAS that were built, or used, before: mutators, supernets, subnets."""

import copy
from types import SimpleNamespace

import pytest
import torch
import torch.nn as nn
from mmengine.optim import OptimWrapper
from mmrazor.engine.hooks import EstimateResourcesHook
from mmrazor.models.mutators import NasMutator
from mmrazor.structures import export_fix_subnet, load_fix_subnet

from mmdsnas.errors import UserError, WrongTypeError
from mmdsnas.models import (
    DSNAS,
    DifferentiableMutator,
    DSNASGradient,
    ResourceEstimator,
)
from tests.toy import (
    algorithm_of,
    batch,
    costly_net,
    prepared,
    searching,
    set_alpha,
    smooth_net,
)

SHAPE = dict(input_shape=(1, 1, 6))
SUBNET = {f'blocks.{k}': dict(chosen='sine') for k in range(3)}
ROWS = [0, 1, 0], [0, 0, 1], [1, 0, 0]


# Classes


@pytest.mark.parametrize(
    'option', ['mutator', 'resource_estimator', 'gradient_estimator']
)
@pytest.mark.parametrize('value', [nn.Tanh(), 3, 'x', DSNAS, NasMutator()])
def test_a_part_of_another_class(option, value):
    options = {'resource_estimator': SHAPE, option: value}
    with pytest.raises(TypeError, match=f'{option} should be .* but is a') as caught:
        DSNAS(smooth_net(), **options)
    assert isinstance(caught.value, (UserError, ValueError))
    with pytest.raises(WrongTypeError, match='mutator should be'):
        algorithm_of(smooth_net(), mutator=dict(type='mmrazor.NasMutator'))


@pytest.mark.parametrize(
    'mutator',
    [
        None,
        dict(init_std=1.0),
        dict(type='DifferentiableMutator'),
        dict(type='mmdsnas.DifferentiableMutator'),
        DifferentiableMutator(),
    ],
)
def test_a_mutator_may_be_built_or_not_and_stands_second(mutator):
    algorithm = DSNAS(smooth_net(), mutator, 1, 2, SHAPE)
    assert isinstance(algorithm.mutator, DifferentiableMutator)
    if not isinstance(mutator, (dict, type(None))):
        assert algorithm.mutator is mutator
    assert (algorithm.pretrain_epochs, algorithm.finetune_epochs) == (1, 2)


def test_other_parts_that_are_built_are_taken_as_they_are():
    estimator, gradient = ResourceEstimator(**SHAPE), DSNASGradient()
    algorithm = DSNAS(
        smooth_net(), resource_estimator=estimator, gradient_estimator=gradient
    )
    assert algorithm.resource_estimator is estimator
    assert algorithm.gradient_estimator is gradient


# Mutators that are prepared


def test_a_mutator_that_is_prepared_keeps_its_alpha():
    net = smooth_net()
    mutator = prepared(net)
    set_alpha(mutator, *ROWS)
    algorithm = algorithm_of(net, mutator=mutator)
    child = dict(module_0='sine', module_1='square', module_2='tanh')
    assert algorithm.mutator.sample_choices() == child
    again = algorithm_of(net, mutator=mutator)
    assert again.mutator.sample_choices() == child


@pytest.mark.parametrize('other', [smooth_net(), smooth_net(None), costly_net()])
def test_a_mutator_of_another_supernet_is_prepared_anew(other):
    mutator = prepared(smooth_net())
    algorithm = algorithm_of(other, mutator=mutator)
    assert [b for group in mutator.search_groups.values() for b in group] == list(
        other.blocks
    )
    algorithm.loss(*batch())
    assert set(algorithm.mutator.sample_choices()) == set(mutator.search_groups)


def test_a_mutator_does_not_keep_the_limit_of_another_search():
    net = costly_net()
    mutator = prepared(net)
    set_alpha(mutator, *[[0, 9]] * 3)
    limited = algorithm_of(net, mutator=mutator, cost=dict(limit=2e-4))
    assert 'cheap' in limited.mutator.sample_choices().values()
    free = algorithm_of(net, mutator=mutator)
    assert set(free.mutator.sample_choices().values()) == {'dear'}


def test_a_second_search_of_a_supernet_begins_with_nothing_fixed():
    net = smooth_net()
    first = searching(net)
    first.mutator.fix(dict(module_1='sine'))
    second = algorithm_of(net)
    assert second.mutator.fixed == {} and len(second.mutator.free) == 3
    assert second.mutator.state_dict()['_fixed'].tolist() == [-1] * 3


# Subnets


def step(algorithm):
    inputs, labels = batch()
    wrapper = OptimWrapper(torch.optim.SGD(algorithm.parameters(), lr=0.1))
    return algorithm.train_step(dict(inputs=inputs, data_samples=labels), wrapper)


@pytest.mark.parametrize('blocks', [(0, 1, 2), (1,)])
@pytest.mark.parametrize('built', [False, True])
def test_blocks_that_are_fixed_already_are_searched_no_more(blocks, built):
    torch.manual_seed(0)
    net = smooth_net()
    # Prepared while there were three candidates.
    mutator = prepared(net) if built else None
    for k in blocks:
        net.blocks[k].fix_chosen('sine')
    algorithm = algorithm_of(net, mutator=mutator, finetune_epochs=2)
    fixed = {f'module_{k}': 'sine' for k in blocks}
    assert [op.num_choices for op in net.blocks] == [
        1 if k in blocks else 3 for k in range(3)
    ]
    assert algorithm.mutator.fixed == fixed
    for _ in range(4):
        before = {n: p.detach().clone() for n, p in algorithm.named_parameters()}
        step(algorithm)
        moved = {n for n, p in algorithm.named_parameters() if (p != before[n]).any()}
        for k in range(3):
            assert (f'mutator._arch_params.module_{k}' in moved) == (k not in blocks)
            assert any(n.startswith(f'architecture.blocks.{k}.') for n in moved)
    assert fixed.items() <= algorithm.mutator.sample_choices().items()
    algorithm.begin(epoch=2)
    step(algorithm)
    for k in blocks:
        assert all(weight.requires_grad for weight in net.blocks[k].parameters())
    assert algorithm.eval()(*batch()).shape == (5, 3)


def test_a_subnet_is_loaded_into_the_algorithm():
    """As MMRazor's hooks do with a copy of it, to count its costs."""
    algorithm = searching(smooth_net())
    set_alpha(algorithm.mutator, *ROWS)
    load_fix_subnet(
        algorithm, {f'architecture.{name}': chosen for name, chosen in SUBNET.items()}
    )
    wanted = algorithm.architecture(*batch(), mode='predict')
    algorithm.eval()
    assert torch.equal(algorithm(*batch(), mode='predict'), wanted)
    assert set(algorithm.mutator.sample_choices().values()) == {'sine'}
    assert {c.chosen for c in export_fix_subnet(algorithm)[0].values()} == {'sine'}


def test_a_child_is_cut_out_of_a_copy_of_the_algorithm():
    algorithm = searching(smooth_net()).eval()
    set_alpha(algorithm.mutator, *ROWS)
    wanted = algorithm(*batch(), mode='predict')
    algorithm.mutator.set_choices(algorithm.mutator.sample_choices())
    subnet, child = export_fix_subnet(algorithm, slice_weight=True)
    chosen = [subnet[f'architecture.blocks.{k}'].chosen for k in range(3)]
    assert chosen == ['sine', 'square', 'tanh']
    assert torch.equal(child(*batch(), mode='predict'), wanted)
    assert [op.num_choices for op in algorithm.architecture.blocks] == [3] * 3


@pytest.mark.parametrize('fixed', [{}, dict(module_0='dear'), 'all'])
def test_mmrazors_hook_estimates_the_child(fixed):
    algorithm = searching(costly_net())
    set_alpha(algorithm.mutator, [0, 1], [1, 0], [0, 1])
    child = algorithm.mutator.sample_choices()
    algorithm.mutator.fix(child if fixed == 'all' else fixed)
    assert algorithm.is_supernet == (fixed != 'all')
    net = copy.deepcopy(algorithm.architecture)
    load_fix_subnet(
        net, {f'blocks.{k}': dict(chosen=c) for k, c in enumerate(child.values())}
    )
    wanted = ResourceEstimator(**SHAPE).estimate(net)['flops']

    logged = []
    estimator = dict(type='mmdsnas.ResourceEstimator', **SHAPE)
    hook = EstimateResourcesHook(estimator_cfg=estimator)
    logger = SimpleNamespace(info=logged.append)
    hook.estimate_resources(
        SimpleNamespace(model=algorithm, distributed=False, logger=logger)
    )
    assert f"'flops': {wanted}" in logged[0]
    assert [op.num_choices for op in algorithm.architecture.blocks] == [2] * 3
