"""Candidates of a block that do not fit each other are refused."""

import collections

import pytest
import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError
from mmdsnas.models import ResourceEstimator
from mmdsnas.models.mutables import (
    all_candidates,
    blocks_of,
    map_tensors,
    one_path,
    outline,
    tensors_of,
)
from mmdsnas.models.mutables.outputs import alike
from tests.toy import Apply, Layer, ToyNet, algorithm_of, block, prepared, smooth_block


def conv(cin=3, cout=4, stride=1, kernel=3):
    return nn.Conv2d(cin, cout, kernel, stride, kernel // 2)


Pair = collections.namedtuple('Pair', 'a b')


class Images(ToyNet):
    """A block of images, and what reads its output."""

    def __init__(self, *readers, **candidates):
        super().__init__([block(**candidates), *readers])

    def features(self, x):
        for module in self.blocks:
            x = module(x)
        return x.flatten(2).mean(-1)[:, :1].expand(-1, 6)


def table(net, *shape):
    estimator = ResourceEstimator((1, *shape))
    return estimator.cost_table(net, prepared(net).search_groups)


def message(net, *shape):
    with pytest.raises(ConfigError) as info:
        table(net, *shape)
    return str(info.value)


IMAGE = (3, 8, 8)


@pytest.mark.parametrize(
    ('candidates', 'shape', 'words'),
    [
        (
            dict(whole=conv(), small=conv(stride=2)),
            IMAGE,
            ['whole', '(1, 4, 8, 8)', 'small', '(1, 4, 4, 4)'],
        ),
        (
            dict(wide=conv(cout=6), narrow=conv(cout=5)),
            IMAGE,
            ['wide', '(1, 6, 8, 8)', 'narrow', '(1, 5, 8, 8)'],
        ),
        # The same for even sizes.
        (
            dict(a=nn.MaxPool2d(2), b=conv(cout=3, stride=2)),
            (3, 9, 9),
            ['(1, 3, 4, 4)', '(1, 3, 5, 5)'],
        ),
        (
            dict(a=conv(), b=nn.Sequential(conv(), Apply(torch.Tensor.half))),
            IMAGE,
            ['candidate b', 'float16', 'float32'],
        ),
        (
            dict(a=conv(), b=nn.Sequential(conv(), Apply(lambda x: x.to('meta')))),
            IMAGE,
            ['candidate b', 'meta'],
        ),
        (
            dict(a=Apply(lambda x: (x, x)), b=Apply(lambda x: (x, x, x))),
            IMAGE,
            ['candidate b', '(1, 3, 8, 8)'],
        ),
        (
            dict(a=Apply(lambda x: dict(low=x)), b=Apply(lambda x: dict(high=x))),
            IMAGE,
            ["'low'", "'high'"],
        ),
        (
            dict(a=Apply(lambda x: (x, None)), b=Apply(lambda x: (x, x))),
            IMAGE,
            ['NoneType'],
        ),
        # A mixture would fail: it maps over one kind of tuple.
        (
            dict(a=Apply(lambda x: (x, x)), b=Apply(lambda x: Pair(x, x))),
            IMAGE,
            ['Pair('],
        ),
        # The third one, of which the first two know nothing.
        (
            dict(a=conv(), b=conv(kernel=5), c=conv(kernel=1, cout=5)),
            IMAGE,
            ['candidate c', 'but a gives'],
        ),
    ],
    ids='stride width odd dtype device number keys none named third'.split(),
)
def test_candidates_that_do_not_fit(candidates, shape, words):
    # What comes behind takes none of it, and is not what is blamed.
    found = message(Images(conv(cin=999), **candidates), *shape)
    missing = [word for word in ['block blocks.0', *words] if word not in found]
    assert not missing, found
    assert 'input_shape' not in found


def test_a_size_that_hides_the_difference():
    table(Images(a=nn.MaxPool2d(2), b=conv(cout=3, stride=2)), *IMAGE)


@pytest.mark.parametrize(
    'wrong',
    [conv(cin=5), nn.Bilinear(3, 3, 3), Apply(lambda x: x.items())],
    ids=['channels', 'number of inputs', 'structure'],
)
def test_a_candidate_that_fails_is_named(wrong):
    found = message(Images(right=conv(), wrong=wrong), *IMAGE)
    assert 'candidate wrong of block blocks.0' in found and '(1, 3, 8, 8)' in found


def test_a_block_on_two_scales_is_compared_call_by_call():
    class Scales(Images):
        def features(self, x):
            sizes = [len(x[0, 0]), len(self.blocks[0](x[..., ::2, ::2])[0, 0])]
            assert sizes == [8, 4]
            return super().features(x)

    table(Scales(a=conv(3, 3), b=conv(3, 3, kernel=5)), *IMAGE)
    pools = nn.AdaptiveAvgPool2d(4), nn.Identity()
    found = message(Scales(a=pools[0], b=pools[1]), *IMAGE)
    assert '(1, 3, 8, 8)' in found and '(1, 3, 4, 4)' in found


def test_outputs_in_training_mode_alone():
    class Auxiliary(Layer):
        def forward(self, x):
            y = super().forward(x)
            return (y, y) if self.training else y

    net = ToyNet([block(plain=Layer(torch.tanh), two=Auxiliary(torch.sin))])
    with pytest.raises(ConfigError, match=r'blocks\.0.* two .*training mode'):
        algorithm_of(net)


def test_a_candidate_that_needs_more_than_one_image_in_training_is_searched(warned):
    class Picky(Layer):
        def forward(self, x):
            assert not self.training or len(x) > 1
            return super().forward(x)

    algorithm_of(ToyNet([block(plain=Layer(torch.tanh), picky=Picky(torch.sin))]))
    assert any('candidate picky of block blocks.0' in text for text in warned())


@pytest.mark.parametrize(
    ('one', 'other', 'fit'),
    [
        (lambda x: dict(a=x, b=[x]), lambda x: dict(b=[x], a=x), True),
        (lambda x: dict(a=x, b=3), lambda x: dict(a=x + 1, b=4), True),
        (lambda x: [x], lambda x: (x,), False),
        (lambda x: (x, x), lambda x: Pair(x, x), False),
        (lambda x: dict(a=x), lambda x: dict(b=x), False),
        (lambda x: dict(a=(x, None)), lambda x: dict(a=(x, 3)), False),
    ],
)
def test_outputs_that_can_stand_in_each_other_s_place(one, other, fit):
    """In a block, and where a mixture adds them up: the order of a dict is free."""
    x = torch.ones(2)
    assert alike(outline(one(x)), outline(other(x))) is fit
    back = Apply(lambda y: tensors_of(y)[0])
    net = ToyNet([block(one=Apply(one), other=Apply(other)), back])
    if fit:
        prepared(net)
        added = map_tensors(torch.add, one(x), other(x))
        assert all(tensor.sum() >= 4 for tensor in tensors_of(added))
        assert algorithm_of(net).mutator.free
    else:
        with pytest.raises(ConfigError, match='other gives'):
            algorithm_of(net)


# What is executed meanwhile


def test_one_path_is_a_network_of_its_own():
    net = ToyNet([smooth_block(), smooth_block()])
    first, second = net.blocks
    first.current_choice = 'sine'
    second.current_choice = 'square'
    names = list(net.state_dict())
    x = torch.ones(1, 6)
    with one_path(blocks_of(net), {'blocks.0': 'tanh', 'blocks.1': 'sine'}):
        assert [op.choices for op in net.blocks] == [['tanh'], ['sine']]
        found = net(x)
    wanted = net.head(second.candidate('sine')(first.candidate('tanh')(x)))
    assert torch.equal(found, wanted)
    assert (first.current_choice, second.current_choice) == ('sine', 'square')
    assert list(net.state_dict()) == names


def test_blocks_without_alternatives_are_left_alone():
    net = ToyNet([smooth_block(), smooth_block()])
    net.blocks[0].fix_chosen('sine')
    with all_candidates(blocks_of(net)) as calls:
        net(torch.ones(1, 6))
    assert calls == {'blocks.1': 1} and net.blocks[0].current_choice == 'sine'
