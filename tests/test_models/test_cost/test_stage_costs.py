import pytest
import torch.nn as nn
from mmengine.registry import init_default_scope

from mmdsnas.launch.run_config import load_config
from mmdsnas.models.cost import costs_by_stage
from mmdsnas.models.cost.stage_costs import stage_names
from mmdsnas.registry import MODELS


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, 2, 1, bias=False)
        self.layers = nn.ModuleList(
            [
                nn.Sequential(nn.Conv2d(4, 6, 1, bias=False), nn.BatchNorm2d(6)),
                nn.Sequential(nn.Conv2d(6, 6, 3, 2, 1, groups=6, bias=False)),
            ]
        )

    def forward(self, x):
        x = self.stem(x)
        for layer in self.layers:
            x = layer(x)
        return x


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.loss = nn.Identity()
        self.backbone = Backbone()
        self.neck = nn.AdaptiveAvgPool2d(1)
        self.head = nn.Linear(6, 5, bias=False)

    def forward(self, x):
        return self.head(self.neck(self.backbone(x)).flatten(1))


def test_stages_by_hand():
    """8 x 8 images: 4 x 4 after the stem, 2 x 2 after the last layer."""
    net = Net()
    assert stage_names(net) == [
        'loss',
        'backbone.stem',
        'backbone.layers.0',
        'backbone.layers.1',
        'neck',
        'head',
    ]
    by_stage, whole = costs_by_stage(net, (1, 3, 8, 8), ['all', 'conv_linear'])
    stem, first, second = 3 * 4 * 9 * 16, 4 * 6 * 16, 6 * 9 * 4
    norm, pool, linear = 2 * 6 * 16, 6 * 2 * 2, 6 * 5
    flops = {
        'backbone.stem': (stem, stem),
        'backbone.layers.0': (first + norm, first),
        'backbone.layers.1': (second, second),
        'neck': (pool, 0),
        'head': (linear, linear),
    }
    assert list(by_stage) == list(flops)
    for name, costs in by_stage.items():
        assert [c['flops'] * 1e6 for c in costs] == pytest.approx(flops[name]), name
    assert [c['flops'] * 1e6 for c in whole] == pytest.approx(
        [sum(f[column] for f in flops.values()) for column in (0, 1)]
    )
    params = [3 * 4 * 9, 4 * 6 + 2 * 6, 6 * 9, 0, 6 * 5]
    for column in (0, 1):
        found = [costs[column]['params'] * 1e6 for costs in by_stage.values()]
        assert found == pytest.approx(params)
        assert whole[column]['params'] * 1e6 == pytest.approx(sum(params))


@pytest.mark.parametrize(
    'config, params, everything, conv_linear',
    [
        # MMRazor's model page
        ('dsnas_subnet_8xb128_in1k', 3.331, 299.135, None),
        # the authors print 324.349, with 2.047 for the linear layer
        ('dsnas_official-search240_8xb128_in1k', None, None, 324.349 - 2.047 + 1.024),
    ],
)
def test_published_numbers(config, params, everything, conv_linear):
    init_default_scope('mmdsnas')
    child = MODELS.build(load_config(config).model)
    by_stage, whole = costs_by_stage(child, (1, 3, 224, 224), ['all', 'conv_linear'])
    found = (whole[0]['params'], whole[0]['flops'], whole[1]['flops'])
    for value, published in zip(found, (params, everything, conv_linear), strict=True):
        assert published is None or round(value, 3) == round(published, 3)
    for column, cost in enumerate(whole):
        stages = [costs[column]['flops'] for costs in by_stage.values()]
        assert sum(stages) == pytest.approx(cost['flops'])
