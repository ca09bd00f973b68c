import copy
import random

import numpy as np
import pytest
import torch
import torch.nn as nn
from mmrazor.models.task_modules import ResourceEstimator as MMRazorResourceEstimator
from mmrazor.structures import export_fix_subnet, load_fix_subnet

from mmdsnas.errors import ConfigError
from mmdsnas.models import ResourceEstimator
from mmdsnas.registry import TASK_UTILS
from tests.toy import (
    Apply,
    Layer,
    ToyNet,
    block,
    build,
    imagenet_shufflenet,
    prepared,
    small_mobilenet,
    small_shufflenet,
    smooth_block,
)

IMAGENET, SMALL, VECTOR = (1, 3, 224, 224), (1, 3, 32, 32), (1, 1, 6)


def mmrazor_cost(net, mutator, path, input_shape):
    """What MMRazor says of the exported child, rounded to three digits."""
    mutator.set_choices(path)
    child = copy.deepcopy(net)
    load_fix_subnet(child, export_fix_subnet(net)[0])
    # MMRazor's estimator takes its own input_shape only from this argument.
    found = MMRazorResourceEstimator(input_shape).estimate(
        child, dict(input_shape=input_shape)
    )
    return found['flops'], found['params']


def assert_table_is_right(net, input_shape, num, **kwargs):
    mutator = prepared(net, **kwargs)
    table = ResourceEstimator(input_shape).cost_table(net, mutator.search_groups)
    generator = random.Random(0)
    seen = set()
    for _ in range(num):
        path = {n: generator.choice(mutator.choices(n)) for n in mutator.search_groups}
        wanted = mmrazor_cost(net, mutator, path, input_shape)
        found = tuple(table.cost(path).values())
        assert found == pytest.approx(wanted, abs=5.0001e-4)
        assert tuple(round(x, 3) for x in found) == wanted
        seen.add(wanted)
    return seen


# The table


@pytest.mark.slow
def test_the_imagenet_supernet_on_50_paths(warned):
    torch.manual_seed(0)
    net = build(imagenet_shufflenet())
    seen = assert_table_is_right(net, IMAGENET, 50)
    assert len(seen) > 40 and warned() == []


def test_other_supernets():
    assert_table_is_right(build(small_mobilenet()), SMALL, 10)
    shared = [['backbone.layers.0.1', 'backbone.layers.1.1']]
    assert_table_is_right(build(small_shufflenet()), SMALL, 10, custom_groups=shared)


def test_a_block_that_is_executed_twice():
    class Twice(ToyNet):
        def features(self, x):
            return self.blocks[0](self.blocks[0](x))

    wide = nn.Sequential(nn.Linear(6, 600), nn.Linear(600, 6))
    assert (
        len(assert_table_is_right(Twice([block(a=wide, b=wide[0:0])]), VECTOR, 8)) == 2
    )


def counts(net, **kwargs):
    mutator = prepared(net, **kwargs)
    return ResourceEstimator(VECTOR).cost_table(net, mutator.search_groups)


def test_exact_counts_by_hand():
    net = ToyNet(
        [
            block(dear=nn.Linear(6, 6), cheap=nn.Linear(6, 6, bias=False)),
            block(none=nn.Identity(), relu=nn.ReLU()),
        ]
    )
    table = counts(net)
    assert table.groups == dict(module_0=['blocks.0'], module_1=['blocks.1'])
    million = {
        block: {
            choice: (c['flops'] * 1e6, c['params'] * 1e6) for choice, c in costs.items()
        }
        for block, costs in table.blocks.items()
    }
    # MMRazor counts the multiply-adds of a linear map, not its bias, and one
    # for each element of an activation.
    assert million['blocks.0'] == dict(
        dear=pytest.approx((36, 42)), cheap=pytest.approx((36, 36))
    )
    assert million['blocks.1'] == dict(
        none=pytest.approx((0, 0)), relu=pytest.approx((6, 0))
    )
    assert table.fixed_part['flops'] * 1e6 == pytest.approx(18)
    assert table.fixed_part['params'] * 1e6 == pytest.approx(21)


# What is left behind


def snapshot(net):
    """Whatever a look at a model might change."""
    return dict(
        training=[module.training for module in net.modules()],
        attributes=[sorted(vars(module)) for module in net.modules()],
        hooks=[
            [list(h) for n, h in sorted(vars(module).items()) if n.endswith('_hooks')]
            for module in net.modules()
        ],
        choices=[
            (module.current_choice, module.gate)
            for module in net.modules()
            if hasattr(module, 'current_choice')
        ],
        gradients=[
            (p.requires_grad, None if p.grad is None else p.grad.clone())
            for p in net.parameters()
        ],
        random=(
            torch.get_rng_state().tolist(),
            random.getstate(),
            np.random.get_state()[1].tolist(),
        ),
        grad_mode=torch.is_grad_enabled(),
    )


def prepare_unusual(net):
    """A state that an untouched model does not have by chance."""
    net.train()
    net.backbone.layers[1].eval()
    net.head.fc.weight.requires_grad_(False)
    net.head.fc.bias.grad = torch.ones_like(net.head.fc.bias)
    net.backbone.conv1.register_forward_hook(lambda *_: None)
    blocks = list(net.backbone.layers[0])
    blocks[0].current_choice = 'shuffle_5x5'
    blocks[1].current_choice = 'shuffle_7x7'


@pytest.mark.parametrize('what', ['table', 'latency', 'estimate', 'failure'])
def test_the_model_is_left_as_it_was(what):
    torch.manual_seed(0)
    net = build(small_shufflenet())
    mutator = prepared(net)
    net(torch.randn(4, 3, 32, 32))  # statistics of BatchNorm other than 0 and 1
    prepare_unusual(net)
    state = copy.deepcopy(net.state_dict())
    before = snapshot(net)
    if what == 'table':
        ResourceEstimator(SMALL).cost_table(net, mutator.search_groups)
    elif what == 'latency':
        estimator = ResourceEstimator(SMALL, latency=dict(repeats=1, device='cpu'))
        table = estimator.cost_table(net, mutator.search_groups)
        assert 'latency' in table.fixed_part
    elif what == 'estimate':
        ResourceEstimator(SMALL).estimate(net)
    else:
        with pytest.raises(ConfigError, match='input_shape'):
            ResourceEstimator((1, 5, 32, 32)).cost_table(net, mutator.search_groups)
    after = snapshot(net)
    assert str(after.pop('gradients')) == str(before.pop('gradients'))
    assert after == before
    assert list(net.state_dict()) == list(state)
    assert all(map(torch.equal, net.state_dict().values(), state.values()))


def test_the_estimate_is_mmrazors_for_its_own_input_shape():
    net = build(small_shufflenet())
    wanted = MMRazorResourceEstimator().estimate(
        copy.deepcopy(net), dict(input_shape=SMALL)
    )
    assert ResourceEstimator(SMALL).estimate(net) == wanted
    other = ResourceEstimator().estimate(net, dict(input_shape=SMALL))
    assert other == wanted


@pytest.mark.parametrize('what', ['table', 'estimate'])
def test_no_graph_is_built(what):
    seen = []
    stem = Apply(lambda x: (seen.append(torch.is_grad_enabled()), x)[1])
    net = ToyNet([smooth_block()], stem=stem)
    groups = prepared(net).search_groups
    estimator = ResourceEstimator(VECTOR)
    estimator.cost_table(net, groups) if what == 'table' else estimator.estimate(net)
    assert seen and not any(seen)


# Warnings


def test_one_warning_names_what_is_not_counted(warned):
    class Own(nn.Module):
        def forward(self, x):
            return x @ torch.ones(6, 6)

    unused = nn.Hardswish()
    net = ToyNet([block(a=Layer(nn.SiLU()), b=nn.Sequential(Own())), smooth_block()])
    net.unused = unused
    counts(net)
    (sentence,) = warned()
    assert 'SiLU at blocks.0._candidates.a.function' in sentence
    assert 'Own (about' in sentence and 'at blocks.0._candidates.b.0' in sentence
    assert 'Hardswish' not in sentence and 'TASK_UTILS' in sentence


# Bad input


def test_it_is_registered_and_takes_a_list():
    estimator = TASK_UTILS.build(
        dict(type='mmdsnas.ResourceEstimator', input_shape=[1, 3, 32, 32])
    )
    assert isinstance(estimator, ResourceEstimator)
    assert estimator.input_shape == (1, 3, 32, 32)


@pytest.mark.parametrize(
    'shape',
    [
        (3, 224, 224),
        (2, 3, 224, 224),
        (1, 3, 0, 224),
        (1, 3.0, 8, 8),
        (1, 6),
        (1, 2, 3, 4, 5, 6),
        (1, 3, 8192, 8192),
        (1, 4096, 4096, 4096),
        (),
        224,
        None,
        '1x3x8x8',
    ],
)
def test_the_input_shape_is_that_of_one_input(shape):
    with pytest.raises(ConfigError, match=r'^input_shape\S* of ResourceEstimator must'):
        ResourceEstimator(shape)


def test_an_input_shape_that_the_architecture_cannot_take():
    net = build(small_shufflenet())
    groups = prepared(net).search_groups
    with pytest.raises(
        ConfigError, match=r'\(1, 4, 32, 32\) its forward fails: .*chan'
    ):
        ResourceEstimator((1, 4, 32, 32)).cost_table(net, groups)
