import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmdsnas.models import ResourceEstimator
from mmdsnas.models.cost.uncounted import uncounted_modules
from tests.toy import (
    Cut,
    Standardised,
    ToyNet,
    block,
    build,
    prepared,
    small_mobilenet,
    small_shufflenet,
)


class Functional(nn.Module):
    """It executes a convolution itself, beside one that is counted."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(4, 3, 3, 3))
        self.conv = nn.Conv2d(4, 4, 1)

    def forward(self, x):
        return self.conv(F.conv2d(x, self.weight))


class Scale(nn.Module):
    """A leaf with parameters and no counter."""

    def __init__(self):
        super().__init__()
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return x * self.scale


class Scaled(nn.Module):
    """Parameters of its own around a counted module."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)
        self.scale = nn.Parameter(torch.ones(4, 1, 1))

    def forward(self, x):
        return self.conv(x) * self.scale


def named(module, shape=(1, 3, 8, 8)):
    with torch.no_grad():
        return uncounted_modules(module.eval(), torch.zeros(shape), {})


class ScaledSequence(nn.Sequential):
    """A container with a parameter."""

    def __init__(self, *modules):
        super().__init__(*modules)
        self.scale = nn.Parameter(torch.ones(1))

    def forward(self, x):
        return super().forward(x) * self.scale


class Product(nn.Module):
    """A matrix product, with or without modules inside."""

    def __init__(self, *inner):
        super().__init__()
        self.inner = nn.Sequential(*inner)
        if not inner:
            del self.inner

    def forward(self, x):
        return getattr(self, 'inner', nn.Identity())(x) @ torch.ones(8, 100)


class MyConv(nn.Conv2d):
    """Counted as its base is."""


COUNTED = [
    *(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU6(), nn.MaxPool2d(2)),
    *(nn.Upsample(scale_factor=2), nn.ConvTranspose2d(4, 4, 2), nn.GroupNorm(2, 4)),
    *(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5)),
]
FREE = [nn.Identity(), nn.Dropout(), nn.ZeroPad2d(1), nn.Sequential(), nn.Flatten()]


@pytest.mark.parametrize(
    ('modules', 'wanted'),
    [
        # The type once, with its first place.
        *(
            ([nn.Conv2d(3, 3, 1), act(), nn.ReLU(), act()], {act.__name__: '1'})
            for act in (nn.SiLU, nn.GELU, nn.Hardswish, nn.Sigmoid)
        ),
        ([nn.ReLU(), Scale()], {'Scale': '1'}),
        ([nn.ReLU(), Scaled()], {'Scaled': '1'}),
        ([nn.ReLU(), ScaledSequence(nn.ReLU())], {'ScaledSequence': '1'}),
        # Its own convolution alone: 4 x 3 x 3 x 3 products for 6 x 6 outputs.
        (
            [nn.Conv2d(3, 3, 1), Functional()],
            {'Functional (about 0.004 MFLOPs in its forward)': '1'},
        ),
        # 3 x 8 rows, with children and without.
        ([Product(nn.ReLU())], {'Product (about 0.019 MFLOPs in its forward)': '0'}),
        ([Product()], {'Product (about 0.019 MFLOPs in its forward)': '0'}),
        ([nn.ReLU(), MyConv(3, 4, 1)], {}),
        ([nn.Conv2d(3, 4, 3, padding=1), *FREE], {}),
        (COUNTED, {}),
    ],
)
def test_types_that_are_named(modules, wanted):
    assert named(nn.Sequential(*modules)) == wanted


def test_the_root_is_named():
    assert list(named(Product(nn.ReLU())).values()) == ['the root']


def test_deep_inside_and_in_a_candidate():
    inner = nn.Sequential(nn.Sequential(nn.Conv2d(3, 3, 1), Functional()))
    net = nn.Sequential(nn.ReLU(), block(plain=nn.Conv2d(3, 4, 1), deep=inner))
    net[1].current_choice = 'deep'
    ((kind, where),) = named(net).items()
    assert kind.startswith('Functional') and where == '1._candidates.deep.0.1'
    net[1].current_choice = 'plain'
    assert named(net) == {}


@pytest.mark.parametrize('kind', ['attention', 'encoder'])
def test_attention(kind):
    """Its fast path hides it from torch's counter."""

    class Attention(nn.Module):
        def __init__(self):
            super().__init__()
            self.inner = nn.MultiheadAttention(8, 2, batch_first=True)

        def forward(self, x):
            return self.inner(x, x, x)[0]

    module = (
        Attention()
        if kind == 'attention'
        else nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    )
    assert any('MultiheadAttention' in k for k in named(module, (1, 5, 8)))


@pytest.mark.parametrize('count', ['all', 'conv'])
@pytest.mark.parametrize('conv', [Cut, Standardised])
def test_a_convolution_that_uses_a_part_of_its_weight(conv, count, logged):
    """Its class has a counter, which looks at the shape of the weight."""

    class Own(nn.Linear):
        def forward(self, x):
            return super().forward(x)

    net = nn.Sequential(block(a=conv(3, 4, 5, padding=2, bias=False)))
    net.append(nn.Flatten()).append(Own(256, 1))
    ResourceEstimator((1, 3, 8, 8), count).cost_table(net, prepared(net).search_groups)
    said = [r.getMessage() for r in logged if 'Cut (' in r.getMessage()]
    assert bool(said) is (conv is Cut)
    if said:
        # 4 x 8 x 8 outputs of 3 x 5 x 5 or 3 x 3 x 3 products.
        assert '0.019 for about 0.007 MFLOPs' in said[0] and 'Own' not in said[0]


def test_a_layer_whose_input_is_given_by_name_is_counted():
    class Net(ToyNet):
        def features(self, x):
            return self.blocks[0](input=x)

    net = Net([block(a=nn.Linear(6, 6), b=nn.Linear(6, 6, bias=False))])
    table = ResourceEstimator((1, 1, 6)).cost_table(net, prepared(net).search_groups)
    assert table.blocks['blocks.0']['b']['flops'] == 36e-6
    assert not any(module._forward_pre_hooks for module in net.modules())


def test_a_module_that_is_never_executed():
    class Net(ToyNet):
        def features(self, x):
            return self.blocks[0](x)

    net = Net([nn.Linear(6, 6), nn.SiLU(), Functional()], tail=Scale())
    assert named(net, (1, 6)) == {}


@pytest.mark.parametrize('config', [small_shufflenet(), small_mobilenet()])
def test_nothing_in_the_supernets_of_mmrazor(config):
    assert named(build(config), (1, 3, 32, 32)) == {}
