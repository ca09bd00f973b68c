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


def nets_that_cannot_be_searched():
    other = OneShotMutableOP(nn.ModuleDict(dict(a=nn.Identity())))
    inner = block(plain=nn.Identity(), deep=nn.Sequential(nn.Tanh(), two()))
    # Counters would count a shared module once for each of its places.
    layer = nn.Linear(6, 6)
    twice = block(a=nn.Sequential(layer), b=nn.Sequential(layer, nn.ReLU()))
    once = block(a=nn.Sequential(layer), b=nn.ReLU())
    both = [block(a=layer, b=nn.ReLU()) for _ in range(2)]
    a = r'blocks\.0\._candidates\.a\.0'
    return [
        (ToyNet([nn.Tanh()]), 'nothing to search'),
        (ToyNet([two(), other]), r'blocks\.1 is a OneShotMutableOP'),
        (
            ToyNet([two(), inner]),
            r'_candidates\.deep\.1 .* block blocks\.1;',
        ),
        (ToyNet([twice]), rf'{a} and blocks\.0\._candidates\.b\.0 are one'),
        (ToyNet(both), r'blocks\.1\._candidates\.a are one and the same'),
        (ToyNet([once], stem=layer), f'stem and {a} are one'),
        (ToyNet([once], tail=layer), 'one and the same'),
    ]


@pytest.mark.parametrize(('net', 'match'), nets_that_cannot_be_searched())
def test_a_search_space_that_is_none(net, match):
    refused(net, match)


def test_a_block_whose_name_begins_like_another():
    """blocks.1 and blocks.10 are not one inside the other."""
    assert len(prepared(ToyNet([two() for _ in range(11)])).search_groups) == 11


def test_other_modules_may_stand_in_several_places():
    shared = nn.Linear(6, 6)
    prepared(ToyNet([two(), shared, two()], stem=shared, tail=shared))


# Custom groups


@pytest.mark.parametrize(
    ('groups', 'match'),
    [
        ([[]], r'custom_groups\.0 of .* length of at least 1'),
        ([['x'], []], r'custom_groups\.1 of .* length of at least 1'),
        ([['blocks.7']], r"custom_groups\[0\] .* has 'blocks\.7'"),
        ([['blocks.2', 'no']], r"has 'no'; left are x, blocks\.3, blocks\.4\."),
        (
            [['blocks.2'], ['blocks.3', 'blocks.2']],
            r"\[1\] .*, but has 'blocks\.2'",
        ),
        ([['blocks.2', 'blocks.2']], r"custom_groups\[0\] .* has 'blocks\.2'"),
        ([['x'], ['x']], r"custom_groups\[1\] .* has 'x'"),
        ([['blocks.0']], r"has 'blocks\.0'; left are x,"),
        ([['blocks.2', 'blocks.4']], r'blocks\.2 has a, b and blocks\.4 has a, b, c'),
        ([['x', 'blocks.4']], 'share one alpha.*same candidates'),
    ],
)
def test_groups_that_do_not_fit(groups, match):
    blocks = [two('x'), two('x'), two(), two(), two(c=nn.Sigmoid())]
    refused(ToyNet(blocks), match, groups)


def test_an_alias_of_different_candidates():
    refused(ToyNet([two('x'), two('x', c=nn.Sigmoid())]), 'share one alpha')


def test_an_alias_that_is_the_name_of_another_block():
    refused(ToyNet([two(), two('blocks.0')]), "alias 'blocks.0'")


def members(net, groups):
    found = prepared(net, custom_groups=groups).search_groups.values()
    return [[list(net.blocks).index(op) for op in group] for group in found]


def test_groups_that_fit():
    net = ToyNet([two('x'), two('x'), two(), two(), two(c=nn.Sigmoid())])
    assert members(net, None) == [[0, 1], [2], [3], [4]]
    assert members(net, [['blocks.3', 'blocks.2']]) == [[3, 2], [0, 1], [4]]
    assert members(net, [['x', 'blocks.2']]) == [[0, 1, 2], [3], [4]]
    assert members(net, [['blocks.2', 'x']]) == [[2, 0, 1], [3], [4]]
    assert members(net, [['blocks.4'], ['x']]) == [[4], [0, 1], [2], [3]]


def test_a_mutator_can_be_prepared_again():
    net = ToyNet([two('x'), two('x'), two()])
    mutator = prepared(net, custom_groups=[['x']])
    mutator.prepare_from_supernet(net)
    assert len(mutator.search_groups) == 2
