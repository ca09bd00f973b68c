import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from torch.nn.utils.parametrizations import spectral_norm, weight_norm

from mmdsnas.deployment.folding import fold_batch_norms
from tests.toy import Cut, Standardised


class Both(nn.Module):
    """A layer whose output goes on beside its BatchNorm."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x):
        x = self.conv(x)
        return x + self.norm(x)


class OtherOrder(nn.Module):
    """One convolution with two BatchNorms, declared in another order than used."""

    def __init__(self):
        super().__init__()
        self.norms = nn.ModuleList([nn.BatchNorm2d(4), nn.BatchNorm2d(4)])
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x):
        return self.norms[1](self.conv(self.norms[0](self.conv(x))))


class Functional(nn.Module):
    """One parameter as the weight of two convolutions, and a function as the norm."""

    def __init__(self, change=lambda statistic: statistic):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(4, 4, 1, 1))
        self.norm, self.change = nn.BatchNorm2d(4), change

    def normed(self, x):
        norm, change = self.norm, self.change
        mean, variance = change(norm.running_mean), change(norm.running_var)
        return F.batch_norm(x, mean, variance, norm.weight, norm.bias)

    def forward(self, x):
        return self.normed(F.conv2d(x, self.weight)) + F.conv2d(x, self.weight)


class Overwritten(nn.Module):
    """What lies between the convolution and the norm works in place."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4)

    def forward(self, x):
        x = self.conv(x)
        x.view(-1).mul_(2)
        return self.norm(x)


class Rewritten(Overwritten):
    """A statistic is set anew before each use."""

    def forward(self, x):
        x = self.conv(x)
        self.norm.running_mean.view(2, 2).copy_(x.new_tensor([[1.0, 2.0], [3.0, 4.0]]))
        return self.norm(x)


class Unbatched(nn.Module):
    """The channels of the convolution's output are what the norm takes for images."""

    def __init__(self):
        super().__init__()
        self.conv, self.norm = nn.Conv1d(5, 5, 1), nn.BatchNorm1d(5)

    def forward(self, x):
        return self.norm(self.conv(x.flatten().expand(5, -1)[:, :5]))


def fold(network, *shape):
    """Folds a network whose BatchNorm layers do something.

    Returns:
        tuple: What is left of it, and the numbers of layers folded and left.
    """
    torch.manual_seed(0)
    network.double()
    for layer in network.modules():
        if isinstance(layer, nn.modules.batchnorm._BatchNorm):
            tensors = (layer.running_mean, layer.running_var, layer.weight, layer.bias)
            for tensor in tensors:
                if tensor is not None and tensor.is_leaf:
                    tensor.data.uniform_(0.5, 1.5)
    inputs = torch.randn(2, *shape, dtype=torch.float64)
    traced = torch.export.export(network.eval(), (inputs,)).module()
    folded, number, left = fold_batch_norms(traced)
    wanted = network(inputs)
    torch.testing.assert_close(folded(inputs), wanted, rtol=1e-12, atol=1e-12)
    return folded, number, left


IMAGES, ROWS = (4, 5, 5), (4,)


def layers(*parts):
    return nn.Sequential(*parts)


@pytest.mark.parametrize(
    'network, shape',
    [
        (layers(nn.Conv2d(4, 6, 3, bias=False), nn.BatchNorm2d(6)), IMAGES),
        (layers(nn.Conv2d(4, 6, 3, 2, 1, 1, 2), nn.BatchNorm2d(6)), IMAGES),
        (layers(nn.Conv2d(4, 6, 3, padding='same'), nn.BatchNorm2d(6)), IMAGES),
        (layers(nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6, 0.01, affine=False)), IMAGES),
        (layers(nn.Conv1d(4, 6, 3), nn.BatchNorm1d(6)), (4, 5)),
        (layers(nn.Linear(4, 6), nn.BatchNorm1d(6)), ROWS),
        (layers(nn.Linear(4, 6, bias=False), nn.BatchNorm1d(6, affine=False)), ROWS),
    ],
)
def test_layers_that_take_a_norm(network, shape):
    folded, number, left = fold(network, *shape)
    assert (number, left) == (1, 0)
    norm = torch.ops.aten.batch_norm.default
    assert not folded.graph.find_nodes(op='call_function', target=norm)
    # Only what is used is written to a file.
    assert len(folded.state_dict()) == 2


CONV, NORM = nn.Conv2d(4, 6, 3), nn.BatchNorm2d(6)
UNTRACKED = nn.BatchNorm2d(6, track_running_stats=False)
SPECTRAL = spectral_norm(nn.Linear(4, 6))


@pytest.mark.parametrize(
    'network, shape, numbers',
    [
        # A shared weight and a functional norm; a shared convolution with two norms.
        (Functional(), IMAGES, (1, 0)),
        (OtherOrder(), IMAGES, (2, 0)),
        (Both(), IMAGES, (0, 1)),
        (layers(nn.BatchNorm2d(4), nn.Conv2d(4, 6, 3)), IMAGES, (0, 1)),
        (layers(CONV, nn.ReLU(), NORM), IMAGES, (0, 1)),
        (layers(nn.ConvTranspose2d(4, 6, 3), NORM), IMAGES, (0, 1)),
        # The norm is over dimension 1, the linear map over the last.
        (layers(nn.Linear(4, 3), nn.BatchNorm1d(3)), (3, 4), (0, 1)),
        (layers(CONV, UNTRACKED), IMAGES, (0, 1)),
        # Weights and statistics that are computed.
        (layers(Standardised(4, 6, 3), NORM), IMAGES, (0, 1)),
        (layers(Cut(4, 6, 5, bias=False), NORM), IMAGES, (0, 1)),
        (layers(weight_norm(nn.Conv2d(4, 6, 3)), NORM), IMAGES, (0, 1)),
        (layers(SPECTRAL, nn.BatchNorm1d(6)), ROWS, (0, 1)),
        (layers(CONV, weight_norm(nn.BatchNorm2d(6), dim=None)), IMAGES, (0, 1)),
        (Functional(lambda statistic: statistic + 1), IMAGES, (0, 1)),
        (Overwritten(), IMAGES, (0, 1)),
        (Rewritten(), IMAGES, (0, 1)),
        (Unbatched(), ROWS, (0, 1)),
    ],
)
def test_what_is_folded_and_what_stays(network, shape, numbers):
    assert fold(network, *shape)[1:] == numbers
