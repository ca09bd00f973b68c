"""What int8 leaves of a network."""

import math

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmdsnas.models.int8 import Int8, rounded, rounded_weight


class Branched(nn.Module):
    """A convolution, beside it nothing, and a linear map of their sum's mean."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv, self.linear = nn.Conv2d(3, 3, 3, padding=1), nn.Linear(3, 4)

    def forward(self, x):
        return self.linear((x + self.conv(x)).mean((2, 3)))


def test_a_feature_map_has_256_values_and_an_exact_zero():
    values = torch.linspace(-1, 3, 1001)
    found = rounded(values, -1, 3)
    assert len(found.unique()) == 256 and (found == 0).any()
    assert (found - values).abs().max() <= 4 / 255 / 2 + 1 / 255
    # Beyond the range there is nothing.
    assert (
        rounded(torch.tensor([9.0, -9.0]), -1, 3).sub(values[[-1, 0]]).abs().max()
        < 0.02
    )
    assert rounded(torch.zeros(2), 0.0, 0.0).tolist() == [0, 0]


@pytest.mark.parametrize('largest', [math.nan, math.inf])
def test_nothing_is_left_of_what_has_no_range(largest):
    """As of a network whose training failed: its loss is not a number."""
    assert rounded(torch.ones(2), 0.0, largest).isnan().all()
    int8, network = Int8(), nn.Linear(2, 2)
    int8.calibrate(network, [torch.tensor([[1.0, largest]])])
    with int8.executing():
        assert network(torch.ones(1, 2)).isnan().all()


def test_a_weight_has_a_scale_for_each_output_channel():
    weight = torch.stack([torch.linspace(-1, 1, 9), torch.linspace(-1e-3, 1e-3, 9)])
    found = rounded_weight(weight)
    assert torch.allclose(found, weight, rtol=0.02, atol=0)
    assert rounded_weight(torch.zeros(2, 3)).tolist() == [[0] * 3] * 2


@torch.no_grad()
def test_inputs_and_weights_of_operations_are_rounded():
    network, int8 = Branched(), Int8()
    images = torch.randn(8, 3, 6, 6)
    wanted = network(images)
    int8.calibrate(network, [images[:4], images[4:]])
    assert torch.equal(network(images), wanted)
    with int8.executing():
        found = network(images)
    with int8.executing():
        assert torch.equal(network(images), found)
    assert 1e-5 < (found - wanted).abs().max() < 0.1

    def ends(x):
        return min(x.min().item(), 0), max(x.max().item(), 0)

    def kept(x, like):
        return rounded(x, *ends(like))

    conv, linear, summed = network.conv, network.linear, images + network.conv(images)
    x = kept(images, images)
    inner = F.conv2d(x, rounded_weight(conv.weight), conv.bias, padding=1)
    x = kept(x + kept(inner, network.conv(images)), summed)
    x = kept(x.mean((2, 3)), summed.mean((2, 3)))
    torch.testing.assert_close(
        found, F.linear(x, rounded_weight(linear.weight), linear.bias)
    )


def test_what_follows_the_network_stays_as_it_is():
    network, int8 = nn.Linear(2, 2), Int8()
    int8.calibrate(network, [torch.ones(1, 2)])
    precise = torch.tensor([[0.123456789, -1.0]])
    with int8.executing():
        network(precise)
        assert (precise + precise).tolist() == (2 * precise).tolist()


def test_nothing_is_rounded_where_an_operation_fails():
    network, int8 = nn.Linear(2, 2), Int8()
    with pytest.raises(RuntimeError):
        int8.calibrate(network, [torch.ones(1, 3)])
    assert torch.equal(network(torch.ones(1, 2)), network(torch.ones(1, 2)))
