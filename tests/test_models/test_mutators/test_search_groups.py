import pytest
import torch.nn as nn
from mmrazor.models.mutables import OneShotMutableOP

from mmdsnas.errors import ConfigError
from tests.toy import ToyNet, block, prepared


def two(alias=None, **extra):
    return block(alias, a=nn.Identity(), b=nn.Tanh(), **extra)


def refused(net, match, custom_groups=None):
    with pytest.raises(ConfigError, match=match) as info:
        prepared(net, custom_groups=custom_groups)
    sentence = str(info.value)
    assert '\n' not in sentence and sentence.endswith('.')


# The search space


def test_a_supernet_without_blocks():
    refused(ToyNet([nn.Tanh()]), 'nothing to search')


def test_a_mutable_of_another_type():
    other = OneShotMutableOP(nn.ModuleDict(dict(a=nn.Identity())))
    refused(
        ToyNet([two(), other]),
        r'blocks\.1 is a OneShotMutableOP.*mmdsnas\.OneHotMutableOP only',
    )


def test_a_block_inside_a_block():
    outer = block(plain=nn.Identity(), deep=nn.Sequential(nn.Tanh(), two()))
    refused(
        ToyNet([two(), outer]),
        r'blocks\.1\._candidates\.deep\.1 lies inside a candidate of block blocks\.1;',
    )


def test_a_block_whose_name_begins_like_another():
    """blocks.1 and blocks.10 are not one inside the other."""
    assert len(prepared(ToyNet([two() for _ in range(11)])).search_groups) == 11


def test_candidates_that_share_a_module():
    """Counters would count it once for each of them."""
    shared = nn.Linear(6, 6)
    op = block(a=nn.Sequential(shared), b=nn.Sequential(shared, nn.ReLU()))
    refused(
        ToyNet([op]),
        r'_candidates\.a\.0 and blocks\.0\._candidates\.b\.0 are one and the same',
    )
    blocks = [block(a=shared, b=nn.ReLU()) for _ in range(2)]
    refused(ToyNet(blocks), r'blocks\.1\._candidates\.a are one and the same')


def test_a_candidate_that_stands_elsewhere_too():
    shared = nn.Linear(6, 6)
    op = block(a=nn.Sequential(shared), b=nn.ReLU())
    refused(ToyNet([op], stem=shared), 'stem and blocks.0._candidates.a.0 are one')


def test_a_candidate_that_stands_elsewhere_later():
    shared = nn.Linear(6, 6)
    op = block(a=nn.Sequential(shared), b=nn.ReLU())
    refused(ToyNet([op], tail=shared), 'one and the same')


def test_other_modules_may_stand_in_several_places():
    shared = nn.Linear(6, 6)
    prepared(ToyNet([two(), shared, two()], stem=shared, tail=shared))


# Custom groups


@pytest.mark.parametrize(
    ('groups', 'match'),
    [
        ([[]], r'custom_groups\[0\] is empty'),
        ([['x'], []], r'custom_groups\[1\] is empty'),
        ([['blocks.7']], r"custom_groups\[0\] names 'blocks\.7', which is no block"),
        ([['blocks.2', 'no']], "names 'no', which is no block; there are x, blocks.0,"),
        (
            [['blocks.2'], ['blocks.3', 'blocks.2']],
            r'custom_groups\[1\] holds block blocks\.2, which custom_groups\[0\]',
        ),
        ([['blocks.2', 'blocks.2']], r'custom_groups\[0\] holds block blocks\.2'),
        ([['x'], ['x']], r'custom_groups\[1\] holds block blocks\.0'),
        ([['blocks.0']], r"blocks\.0 by its module name.*has the alias 'x'"),
        (
            [['blocks.2', 'blocks.4']],
            r'custom_groups\[0\] share.*blocks\.2 has a, b and blocks\.4 has a, b, c',
        ),
        ([['x', 'blocks.4']], r'custom_groups\[0\] share one alpha.*same candidates'),
    ],
)
def test_groups_that_do_not_fit(groups, match):
    blocks = [two('x'), two('x'), two(), two(), two(c=nn.Sigmoid())]
    refused(ToyNet(blocks), match, groups)


def test_an_alias_of_different_candidates():
    refused(
        ToyNet([two('x'), two('x', c=nn.Sigmoid())]),
        "the blocks with alias 'x' share one alpha",
    )


def members(net, groups):
    found = prepared(net, custom_groups=groups).search_groups.values()
    return [[list(net.blocks).index(op) for op in group] for group in found]


def test_groups_that_fit():
    net = ToyNet([two('x'), two('x'), two(), two(), two(c=nn.Sigmoid())])
    assert members(net, None) == [[0, 1], [2], [3], [4]]
    assert members(net, [['blocks.3', 'blocks.2']]) == [[3, 2], [0, 1], [4]]
    assert members(net, [['x', 'blocks.2']]) == [[0, 1, 2], [3], [4]]


def test_a_mutator_can_be_prepared_again():
    net = ToyNet([two('x'), two('x'), two()])
    mutator = prepared(net, custom_groups=[['x']])
    mutator.prepare_from_supernet(net)
    assert len(mutator.search_groups) == 2


@pytest.mark.parametrize('group', [['x'], ['blocks.2', 'x'], ['x', 'y']])
def test_a_group_whose_last_item_is_an_alias(group):
    net = ToyNet([two('x'), two('x'), two(), two('y')])
    first, *_ = members(net, [group])
    assert len(first) == {1: 2, 2: 3}[len(group)]
