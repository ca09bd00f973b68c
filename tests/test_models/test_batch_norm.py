import torch
import torch.nn as nn
import torch.nn.functional as F
from mmengine.model import BaseModel

from mmdsnas.models.batch_norm import batch_norms, recalibrate
from tests.ranks import on_ranks


class ConvNet(BaseModel):
    """Two layers with BatchNorm, dropout between them, and one for training."""

    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.conv1, self.conv2 = nn.Conv2d(3, 4, 3), nn.Conv2d(4, 2, 1)
        self.bn1, self.bn2 = nn.BatchNorm2d(4), nn.BatchNorm2d(2, momentum=0.5)
        self.unused = nn.BatchNorm2d(2)
        self.without = nn.BatchNorm2d(2, track_running_stats=False)
        self.dropout = nn.Dropout(0.5)

    def forward(self, inputs, mode='tensor'):
        x = self.bn1(self.conv1(inputs)).relu()
        x = self.bn2(self.conv2(self.dropout(x)))
        return self.unused(x) if self.training else x


def batches(num=3, seed=1):
    """Batches of 2, 3, ... images."""
    generator = torch.Generator().manual_seed(seed)
    return [
        (1 + 3 * torch.randn(2 + i, 3, 5, 5, generator=generator),) for i in range(num)
    ]


def channel_statistics(x):
    """Mean and unbiased variance of each channel, by their formula."""
    columns = [x[:, c].flatten().double() for c in range(x.size(1))]
    means = [sum(column) / len(column) for column in columns]
    variances = [
        sum((column - mean) ** 2) / (len(column) - 1)
        for column, mean in zip(columns, means)
    ]
    return torch.stack(means), torch.stack(variances)


@torch.no_grad()
def expected(net, batches):
    """Statistics of both layers: the means over batches of those of a batch."""
    rows = []
    for (x,) in batches:
        y = F.conv2d(x, net.conv1.weight, net.conv1.bias)
        mean, var = channel_statistics(y)
        size = y.numel() / y.size(1)
        biased = var * (size - 1) / size
        shape = (1, -1, 1, 1)
        z = (y - mean.view(shape)) / (biased.view(shape) + net.bn1.eps).sqrt()
        z = F.conv2d(z.relu().float(), net.conv2.weight, net.conv2.bias)
        rows.append(torch.cat([mean, var, *channel_statistics(z)]))
    return torch.stack(rows).mean(0)


def found(net):
    return torch.cat(
        [
            getattr(bn, f'running_{n}')
            for bn in (net.bn1, net.bn2)
            for n in ('mean', 'var')
        ]
    )


def test_layers_that_keep_no_statistics_are_none():
    net = ConvNet()
    assert batch_norms(net) == [net.bn1, net.bn2, net.unused]


def test_statistics_are_means_over_batches():
    net = ConvNet()
    data = batches()
    assert recalibrate(net, iter(data)) == 2  # the third layer is not executed
    assert torch.allclose(found(net).double(), expected(net, data), atol=1e-6)
    assert net.bn1.num_batches_tracked == 3


def test_nothing_else_changes():
    net = ConvNet()
    net.bn1.eval()  # as a frozen layer is
    net.unused.running_mean.fill_(7)
    net.unused.num_batches_tracked.fill_(5)
    before = {key: value.clone() for key, value in net.state_dict().items()}
    modes = [module.training for module in net.modules()]
    recalibrate(net, batches())
    assert [module.training for module in net.modules()] == modes
    assert [bn.momentum for bn in batch_norms(net)] == [0.1, 0.5, 0.1]
    changed = {k for k, v in net.state_dict().items() if not torch.equal(v, before[k])}
    assert {key.split('.')[0] for key in changed} == {'bn1', 'bn2'}


def of_rank():
    net = ConvNet()
    recalibrate(net, batches(seed=torch.distributed.get_rank()))
    return found(net).tolist()


def test_statistics_are_means_over_processes(tmp_path):
    wanted = sum(expected(ConvNet(), batches(seed=rank)) for rank in range(2)) / 2
    for row in on_ranks(2, tmp_path, of_rank):
        assert torch.allclose(torch.tensor(row).double(), wanted, atol=1e-6)
