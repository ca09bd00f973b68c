import copy
from collections import namedtuple

import pytest
import torch
import torch.nn as nn
from mmrazor.structures import export_fix_subnet, load_fix_subnet

from mmdsnas.errors import ConfigError, SubnetError
from mmdsnas.models import OneHotMutableOP
from mmdsnas.models.mutables import all_candidates, map_tensors
from mmdsnas.registry import MODELS
from tests.toy import (
    Apply,
    ToyNet,
    block,
    build,
    prepared,
    small_mobilenet,
    small_shufflenet,
    smooth_net,
)


def three(alias=None):
    """A block whose candidates add 1, 10 and 100."""
    return block(
        alias,
        one=Apply(lambda x: x + 1),
        ten=Apply(lambda x: x + 10),
        hundred=Apply(lambda x: x + 100),
    )


def executed(op):
    """Names of the candidates that run, filled as they do."""
    names = []
    for name, candidate in op._candidates.items():
        candidate.register_forward_hook(lambda *_, name=name: names.append(name))
    return names


# What is executed


@pytest.mark.parametrize('choice', ['one', 'ten', 'hundred'])
def test_the_current_choice_is_executed_alone(choice):
    op = three()
    names = executed(op)
    op.current_choice = choice
    value = dict(one=1, ten=10, hundred=100)[choice]
    assert op(torch.zeros(1)) == value
    assert names == [choice]


def test_what_remained_comes_first():
    op = three()
    op.fix_chosen('hundred')
    op.current_choice = 'one'
    assert op(torch.zeros(1)) == 100


def test_without_a_choice_all_candidates_are_executed():
    op = three()
    names = executed(op)
    assert op(torch.zeros(1)) == 100  # the last one's, no sum
    assert names == op.choices


def test_all_candidates_is_undone():
    blocks = [three(), three()]
    blocks[0].current_choice = 'one'
    with pytest.raises(KeyError, match='stop'), all_candidates(dict(enumerate(blocks))):
        for op in blocks:
            names = executed(op)
            op(torch.zeros(1))
            assert names == op.choices
        raise KeyError('stop')
    assert [op.current_choice for op in blocks] == ['one', None]
    assert [op.gate for op in blocks] == [None, None]


# Gates


def gate_of_three(op, x):
    return map_tensors(lambda y: 3 * y, op.execute(op.current_choice, x))


Pair = namedtuple('Pair', 'x y')


@pytest.mark.parametrize(
    ('output', 'wanted'),
    [
        (lambda x: [x, x + 1], [3, 6]),
        (lambda x: (x, x + 1), (3, 6)),
        (lambda x: Pair(x, x + 1), Pair(3, 6)),
        (
            lambda x: dict(x=x, deep=[x + 1, (2, None)], size=(3, 4)),
            dict(x=3, deep=[6, (2, None)], size=(3, 4)),
        ),
    ],
)
def test_tensors_of_an_output_are_gated_and_other_values_are_not(output, wanted):
    op = block(a=Apply(output))
    op.current_choice, op.gate = 'a', gate_of_three
    found = op(torch.ones(1))
    assert type(found) is type(wanted) and found == wanted


def test_a_settled_block_has_no_gate():
    op = three()
    op.gate = gate_of_three
    op.fix_chosen('ten')
    assert op(torch.zeros(1)) == 10


def test_a_copy_costs_nothing_without_a_gate():
    op = block(a=nn.Identity())
    op.current_choice, op.copy_output = 'a', True
    x = torch.ones(1)
    assert op(x) is x


# Fixing and export


def test_fix_chosen_removes_them():
    op = smooth_net().blocks[0]
    op.fix_chosen('sine')
    assert op.is_fixed and op.choices == ['sine'] and op.current_choice == 'sine'
    assert {key.split('.')[1] for key in op.state_dict()} == {'sine'}


def test_the_exported_choice_is_what_is_executed():
    op = three()
    op.current_choice = 'one'
    assert op.export_chosen() == op.dump_chosen().chosen == 'one'
    op.fix_chosen('hundred')
    op.current_choice = None
    assert op.export_chosen() == 'hundred'


def test_the_sampled_choice_is_the_argmax():
    op = three()
    for k, name in enumerate(op.choices):
        alpha = torch.zeros(3)
        alpha[k] = 1e-6
        assert op.sample_choice(alpha) == name
    assert op.sample_choice(torch.zeros(3)) == 'one'  # the first of equals


def test_without_alpha_the_sampled_choice_is_any():
    op = three()
    assert {op.sample_choice() for _ in range(100)} == set(op.choices)


# Bad input


@pytest.mark.parametrize('candidates', [{}, nn.ModuleDict(), None, [nn.Identity()]])
def test_there_has_to_be_a_candidate(candidates):
    with pytest.raises(ConfigError, match='^candidates of OneHotMutableOP must'):
        OneHotMutableOP(candidates)


@pytest.mark.parametrize(
    'candidate',
    [
        dict(type='NoSuchLayer'),
        dict(type='mmrazor.ShuffleBlock', kernel_sizes=3),
        dict(type='mmrazor.ShuffleBlock', kernel_size=4),
        nn.Identity(),
    ],
)
def test_a_candidate_that_cannot_be_built(candidate):
    with pytest.raises(ConfigError, match="candidate 'odd' .*cannot be built"):
        sizes = dict(in_channels=4, out_channels=8, stride=2)
        OneHotMutableOP(dict(odd=candidate), sizes)


def test_unknown_choices_are_named():
    op = three()
    with pytest.raises(SubnetError, match="'two' is not a candidate.*one, ten, hund"):
        op.fix_chosen('two')
    assert not op.is_fixed and len(op.choices) == 3  # nothing was removed


# Building from configs, in MMRazor's backbones


def test_the_configs_are_not_changed():
    candidates = dict(
        small=dict(type='mmrazor.ShuffleBlock', kernel_size=3),
        large=dict(type='mmrazor.ShuffleBlock', kernel_size=5),
    )
    before = copy.deepcopy(candidates)
    ops = [
        MODELS.build(
            dict(
                type='mmdsnas.OneHotMutableOP',
                candidates=candidates,
                module_kwargs=dict(in_channels=c, out_channels=2 * c, stride=2),
            )
        )
        for c in (4, 8)
    ]
    assert candidates == before
    for op, c in zip(ops, (4, 8), strict=True):
        op.current_choice = 'large'
        assert op(torch.zeros(1, c, 8, 8)).shape == (1, 2 * c, 4, 4)
        assert op._candidates['large'].kernel_size == 5


@pytest.mark.parametrize('config', [small_shufflenet(), small_mobilenet()])
def test_a_searchable_backbone_exports_its_path_and_loads_it(config):
    torch.manual_seed(0)
    net = build(config).eval()
    blocks = [m for m in net.modules() if isinstance(m, OneHotMutableOP)]
    assert len(blocks) == 4
    for k, op in enumerate(blocks):
        op.current_choice = op.choices[k % len(op.choices)]
    images = torch.randn(2, 3, 32, 32)
    wanted = net(images)

    subnet, _ = export_fix_subnet(net)
    child = copy.deepcopy(net)
    load_fix_subnet(child, subnet)
    names = [n for n, m in net.named_modules() if isinstance(m, OneHotMutableOP)]
    assert {name: subnet[name].chosen for name in names} == {
        name: op.current_choice for name, op in zip(names, blocks, strict=True)
    }
    assert torch.equal(child(images), wanted)
    assert len(child.state_dict()) < len(net.state_dict())
    # Exporting the child again gives the same file, although it has one
    # candidate a block.
    assert {n: c.chosen for n, c in export_fix_subnet(child)[0].items()} == {
        n: c.chosen for n, c in subnet.items()
    }


def test_blocks_of_one_alias_have_one_entry():
    net = ToyNet([three('a'), three('a'), three()])
    prepared(net).set_choices(dict(module_0='ten', module_1='one'))
    subnet, _ = export_fix_subnet(net)
    assert {n: c.chosen for n, c in subnet.items()} == {'a': 'ten', 'blocks.2': 'one'}
