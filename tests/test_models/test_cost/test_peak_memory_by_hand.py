"""Peaks that are worked out by hand, in elements."""

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmdsnas.models.cost.peak_memory import (
    Operation,
    live_elements,
    peak_memory,
    peaks_by_part,
)
from tests.toy import Apply, Standardised

AREA = 16 * 16


def conv(inputs, outputs, kernel=3, **options):
    return nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, **options)


def normed(inputs, outputs, **options):
    layers = conv(inputs, outputs, **options), nn.BatchNorm2d(outputs), nn.ReLU()
    return nn.Sequential(*layers)


def peak(model, channels=8, edge=16, batch=1):
    """In maps of one channel, 16 x 16."""
    inputs = torch.zeros(batch, channels, edge, edge)
    return peak_memory(model, inputs) * 1024 / 4 / AREA


class Net(nn.Module):
    """Layers, and how they are put together."""

    def __init__(self, function, *layers):
        super().__init__()
        self.function, self.layers = function, nn.ModuleList(layers)

    def forward(self, x):
        return self.function(x, *self.layers)


def test_a_chain_has_input_and_output_of_one_layer():
    chain = nn.Sequential(normed(8, 12), normed(12, 32), normed(32, 4))
    assert peak(chain) == 12 + 32
    assert peak(chain, batch=3) == 3 * (12 + 32)
    assert peak(nn.Sequential(normed(8, 12), normed(12, 4))) == 8 + 12


@pytest.mark.parametrize('inplace', [True, False])
@pytest.mark.parametrize('act', [nn.ReLU, nn.ReLU6, nn.SiLU, nn.Hardswish])
def test_what_is_elementwise_writes_in_place(act, inplace):
    layers = conv(8, 24), nn.BatchNorm2d(24), act(inplace=inplace), nn.Dropout()
    assert peak(nn.Sequential(*layers)) == 8 + 24


def test_what_is_read_later_is_not_written_over():
    def both(x, f, act):
        y = f(x)
        return torch.cat([y, act(y)], 1)

    # The map, what the activation makes of it, and both together.
    assert peak(Net(both, conv(8, 24), nn.ReLU())) == 24 + 24 + 48


def test_a_residual_block_keeps_its_shortcut():
    block = Net(lambda x, f, g: x + g(f(x)), normed(8, 8), conv(8, 8))
    assert peak(block) == 8 + 8 + 8
    # The sum is written over one of both.
    assert peak(nn.Sequential(block, nn.ReLU())) == 8 + 8 + 8
    shortcut = Net(
        lambda x, f, g, h: h(x) + g(f(x)), normed(8, 32), conv(32, 32), conv(8, 32)
    )
    # The shortcut's convolution comes first; then two layers of the other way.
    assert peak(shortcut) == 32 + 32 + 32


@pytest.mark.parametrize('expansion', [1, 3, 6])
def test_an_inverted_bottleneck_has_the_expanded_maps_twice(expansion):
    middle = expansion * 8

    def block(x, expand, depthwise, project):
        return x + project(depthwise(expand(x)))

    layers = normed(8, middle), normed(middle, middle, groups=middle), conv(middle, 8)
    assert peak(Net(block, *layers)) == 8 + 2 * middle
    # Without a shortcut.
    assert peak(nn.Sequential(*layers)) == 2 * middle


def test_a_stride():
    layers = conv(8, 64, stride=2), conv(64, 4)
    assert peak(nn.Sequential(*layers)) == 8 + 64 / 4
    assert peak(nn.Sequential(nn.MaxPool2d(2), conv(8, 64))) == 8 / 4 + 64 / 4


def test_two_branches_and_their_concatenation():
    branches = Net(
        lambda x, f, g: torch.cat([f(x), g(x)], 1), normed(8, 12), normed(8, 20)
    )
    assert peak(branches) == 12 + 20 + 32
    narrow = Net(lambda x, f, g: f(x) + g(x), normed(24, 2), normed(24, 2))
    assert peak(narrow, 24) == 24 + 2 + 2


def test_views_have_the_memory_of_their_tensor():
    """A unit of ShuffleNetV2: half of the channels are left alone."""

    def shuffled(x):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)

    def unit(x, f):
        left, right = x.chunk(2, dim=1)
        return torch.cat([left, f(right)], 1)

    assert peak(Net(unit, conv(4, 4))) == 8 + 4 + 8
    # The shuffle copies, but needs no more than the concatenation.
    assert peak(nn.Sequential(Net(unit, conv(4, 4)), Apply(shuffled))) == 8 + 4 + 8
    assert peak(Apply(shuffled)) == 8 + 8
    flat = nn.Sequential(nn.Flatten(), nn.Unflatten(1, (8, 16, 16)), nn.ReLU())
    assert peak(flat) == 8


def test_a_gate_of_channels():
    def gated(x, f, g):
        return x * g(f(x.mean((2, 3), keepdim=True))).sigmoid()

    layers = conv(8, 2, 1), conv(2, 8, 1)
    assert peak(Net(gated, *layers)) == 8 + (8 + 2) / AREA


def test_a_padding_is_the_convolutions():
    def padded(x, f):
        return f(F.pad(x, (1, 1, 1, 1)))

    assert peak(Net(padded, nn.Conv2d(8, 12, 3))) == 8 + 12
    # So is not one by 1, or of channels.
    ones = Net(lambda x, f: f(F.pad(x, (8, 8, 8, 8), value=1.0)), nn.Conv2d(8, 2, 3))
    assert peak(ones) == 8 + 4 * 8
    wide = Net(lambda x, f: f(F.pad(x, (0, 0, 0, 0, 0, 8))), conv(16, 2))
    assert peak(wide) == 8 + 16
    # What somebody else reads is a map of its own.
    twice = Net(lambda x, f: f(F.pad(x, (8, 8, 8, 8)).abs()), nn.Conv2d(8, 2, 3))
    assert peak(twice) == 8 + 4 * 8
    assert peak(Apply(lambda x: F.pad(x, (8, 8, 8, 8)))) == 8 + 4 * 8


def test_weights_and_what_is_made_of_them_are_no_activations():
    plain, made = nn.Conv2d(8, 12, 3, padding=1), Standardised(8, 12, 3, padding=1)
    assert peak(made) == peak(plain) == 8 + 12
    constant = Apply(lambda x: x + torch.ones(1, 8, 16, 16).cumsum(0))
    assert peak(constant) == 8


def test_a_tensor_that_is_filled():
    def filled(x):
        y = torch.zeros(1, 24, 16, 16)
        y[:, :8] = x
        return y

    assert peak(Apply(filled)) == 8 + 24


def test_the_input_counts_until_its_last_use():
    assert peak(nn.Identity()) == 8
    late = Net(lambda x, f, g: torch.cat([x, g(f(x))], 1), normed(8, 4), normed(4, 4))
    assert peak(late) == 8 + 4 + 12


def test_bytes_and_units():
    model, inputs = conv(8, 24), torch.zeros(1, 8, 16, 16)
    assert peak_memory(model, inputs) == 32 * AREA * 4 / 1024 == 32.0
    assert peak_memory(model, inputs, 'int8') == 8.0
    assert peak_memory(model.double(), inputs.double()) == 32.0
    with pytest.raises(KeyError):
        peak_memory(model, inputs.double(), 'float16')


def test_the_network_stays_as_it_was():
    model = normed(8, 8).train()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    peak(model)
    assert model.training
    assert all(torch.equal(before[n], v) for n, v in model.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.modules())


def test_the_peak_of_parts():
    layers = normed(8, 12), normed(12, 32), nn.Identity(), normed(32, 4)
    model = nn.Sequential(*layers)
    parts = {'wide': model[1], 'nothing': model[2]}
    peaks = peaks_by_part(model, torch.zeros(1, 8, 16, 16), parts)
    wanted = {'': 32 + 4, 'wide': 12 + 32, 'nothing': 0}
    assert peaks == {name: n * AREA for name, n in wanted.items()}
    # What is alive beside a part counts, and a part may be executed twice.
    twice = Net(lambda x, f: torch.cat([x, f(f(x))], 1), conv(8, 8))
    peaks = peaks_by_part(twice, torch.zeros(1, 8, 16, 16), {'f': twice.layers[0]})
    assert peaks == {'': (8 + 8 + 16) * AREA, 'f': 3 * 8 * AREA}


def test_liveness_of_operations():
    """0 is the input; 1 is made of it, 2 of both, and 3 is read by nobody."""
    operations = [
        Operation((), (0,)),
        Operation((0,), (1,)),
        Operation((0, 1), (2,)),
        Operation((2,), (3,)),
        Operation((2,), (4,), 'in place'),
        Operation((4,), (5,), 'in place'),
    ]
    sizes = [1, 10, 100, 1000, 100, 50]
    wanted = [1, 11, 111, 100, 100, 150]
    assert live_elements(operations, sizes, [5]) == wanted
    # The output stays.
    assert live_elements(operations, sizes, [1, 5]) == [1, 11, 111, 110, 110, 160]
