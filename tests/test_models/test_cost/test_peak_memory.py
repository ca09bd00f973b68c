"""Peaks of memory against formulas that were worked out by hand."""

import itertools
from functools import partial

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F
from mmcls.models.utils import InvertedResidual
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmdsnas.errors import ConfigError
from mmdsnas.launch.building import build_model
from mmdsnas.launch.run_config import load_config
from mmdsnas.models import ResourceEstimator
from mmdsnas.models.cost import (
    CostTerm,
    PeakMemoryMeter,
    peak_memory,
    random_paths,
)
from mmdsnas.models.cost.peak_memory import Operation, live_elements
from mmdsnas.models.cost.search_space import covering_paths
from mmdsnas.models.mutables import blocks_of
from mmdsnas.models.mutators.most_probable import most_probable_path
from mmdsnas.registry import MODELS
from mmdsnas.subnets import child_checkpoint
from tests.conftest import ROOT
from tests.toy import ToyNet, algorithm_of, all_paths, block, prepared, set_alpha

EDGE = 8
PIXELS = EDGE * EDGE


class Function(nn.Module):
    """A function of feature maps, with a convolution of 2 channels in and out."""

    def __init__(self, function, channels=2):
        super().__init__()
        self.conv = nn.Conv2d(channels, channels, 3, padding=1)
        self.function = function

    def forward(self, x):
        return self.function(self.conv, x)


def conv_bn_act(inside, out):
    return nn.Sequential(
        nn.Conv2d(inside, out, 1), nn.BatchNorm2d(out), nn.ReLU(inplace=False)
    )


class Bottleneck(nn.Module):
    """Expands 2 channels to 12, and adds the input."""

    def __init__(self):
        super().__init__()
        self.wide, self.narrow = conv_bn_act(2, 12), nn.Conv2d(12, 2, 1)
        self.deep = nn.Conv2d(12, 12, 3, padding=1, groups=12)

    def forward(self, x):
        return x + self.narrow(F.relu(self.deep(self.wide(x))))


# What is held at most, in channels of 8 x 8 pixels; there are 2 in the beginning.
CASES = {
    'a convolution': (nn.Conv2d(2, 5, 1), 2 + 5),
    'nothing': (nn.Identity(), 0),
    'in place': (Function(lambda c, x: F.relu(F.relu(x))), 2),
    'normalized and activated': (conv_bn_act(2, 5), 2 + 5),
    'a chain': (nn.Sequential(*map(conv_bn_act, (2, 5, 3), (5, 3, 7))), 3 + 7),
    'the middle': (nn.Sequential(*map(conv_bn_act, (2, 9, 6), (9, 6, 1))), 9 + 6),
    # The input is needed until the sum: beside the convolution's own two.
    'a residual': (Function(lambda c, x: x + c(x)), 2 + 2),
    'two in a residual': (Function(lambda c, x: x + c(F.relu(c(x)))), 2 + 2 + 2),
    # 12 channels before and behind the depthwise one, and the input.
    'an inverted bottleneck': (Bottleneck(), 2 + 12 + 12),
    # Both halves and their concatenation.
    'a concatenation': (Function(lambda c, x: torch.cat([c(x), c(x)], 1)), 2 + 2 + 4),
    'one half is the input': (
        Function(lambda c, x: torch.cat([x, c(x)], 1)),
        2 + 2 + 4,
    ),
    # Two branches: the second one beside the first one's result.
    'branches': (Function(lambda c, x: c(c(x)) + c(x)), 2 + 2 + 2),
    # A view is no memory of its own; an activation of what stays needs some.
    'a view': (Function(lambda c, x: F.relu(c(x).view(len(x), 4, -1))), 2 + 2),
    'what stays': (Function(lambda c, x: F.relu(x) + c(x)), 2 + 2 + 2),
    # A shuffle copies, whatever it reads.
    'a shuffle': (
        Function(lambda c, x: x.view(len(x), 2, 1, -1).transpose(1, 2).contiguous()),
        2,
    ),
    'a real shuffle': (
        Function(lambda c, x: x.view(-1, 2, 8, 8).transpose(1, 2).contiguous()),
        2 + 2,
    ),
    # Computed of weights alone: standardised convolutions.
    'weights': (
        Function(lambda c, x: F.conv2d(x, c.weight - c.weight.mean(), padding=1)),
        4,
    ),
}


@pytest.mark.parametrize('case', CASES)
def test_by_hand(case):
    module, channels = CASES[case]
    module = module.train()
    found = peak_memory(module, torch.zeros(1, 2, EDGE, EDGE))
    assert found.whole == channels * PIXELS == found.rest and not found.blocks
    assert module.training
    # So it is twice as much for two images.
    assert peak_memory(module, torch.zeros(2, 2, EDGE, EDGE)).whole == 2 * found.whole


def test_small_maps_after_large_ones():
    net = nn.Sequential(nn.Conv2d(2, 8, 3, 2, 1), nn.Conv2d(8, 16, 1))
    # 128 in, 8 channels of 16 pixels out; then 8 and 16 channels of 16 pixels.
    assert peak_memory(net, torch.zeros(1, 2, EDGE, EDGE)).whole == 24 * 16


def test_liveness_by_hand():
    # 0 -> 1 -> 2, and 0 is read once more at the end.
    operations = [
        Operation([0], [1], False),
        Operation([1], [2], False),
        Operation([0, 2], [3], True),
    ]
    assert live_elements([3, 5, 7, 3], operations, [3]) == [8, 15, 10]
    # Not in place: one more beside them; or one whose size is another one.
    operations[2] = Operation([0, 2], [3], False)
    assert live_elements([3, 5, 7, 3], operations, [3]) == [8, 15, 13]
    operations[2] = Operation([0, 2], [3], True)
    assert live_elements([3, 5, 7, 4], operations, [3]) == [8, 15, 14]
    # What belongs to the output stays.
    assert live_elements([3, 5, 7, 3], operations, [1, 3]) == [8, 15, 15]
    assert live_elements([3], [], [0]) == []


# Search spaces


def bottleneck(width, stride=1):
    return InvertedResidual(4, 4, width, stride=stride)


class Maps(ToyNet):
    """Three blocks of bottlenecks of feature maps."""

    def __init__(self, blocks):
        super().__init__(blocks, width=4)
        self.first = nn.Conv2d(3, 4, 3, 1, 1)

    def features(self, x):
        x = self.first(x)
        for searched in self.blocks:
            x = searched(x)
        return x.mean((2, 3))


def net():
    return Maps(
        [
            block(large=bottleneck(24), small=bottleneck(8), skip=nn.Identity()),
            block(large=bottleneck(16, 2), small=bottleneck(4, 2)),
            block(large=bottleneck(48), small=bottleneck(8), skip=nn.Identity()),
        ]
    )


SHAPE = (1, 3, EDGE, EDGE)


def test_a_peak_is_the_largest_of_its_parts_in_all_paths():
    model = net()
    mutator = prepared(model, custom_groups=[])
    table = ResourceEstimator(SHAPE, memory={}).cost_table(model, mutator.search_groups)
    meter, peaks = PeakMemoryMeter(SHAPE), set()
    for path in all_paths(mutator):
        wanted = meter.whole(model, table.choices(path))
        assert table.cost(path)['memory'] == wanted
        peaks.add(wanted)
    assert len(peaks) > 3 and table.cost_range('memory') == (min(peaks), max(peaks))
    # By hand: input and expanded input, twice; 4 bytes, 1024 of them.
    assert (
        table.blocks['blocks.0']['large']['memory'] == (4 + 24 + 24) * PIXELS * 4 / 1024
    )
    assert table.blocks['blocks.0']['skip']['memory'] == 0
    # 16 channels of all pixels, and of a quarter.
    assert table.blocks['blocks.1']['large']['memory'] == (4 + 16) * PIXELS * 4 / 1024


@pytest.mark.parametrize('dtype, factor', [('float32', 1), ('int8', 0.25)])
def test_types_and_batches(dtype, factor):
    model = net()
    path = {name: b.choices[0] for name, b in blocks_of(model).items()}
    plain = PeakMemoryMeter(SHAPE).whole(model, path)
    meter = PeakMemoryMeter(SHAPE, dtype=dtype, batch_size=3)
    assert meter.whole(model, path) == 3 * factor * plain
    with pytest.raises(ConfigError, match="'float32' or 'int8'"):
        PeakMemoryMeter(SHAPE, dtype='float16')


SPACES = {
    'digits': ('dsnas_supernet_1xb64_digits', None),
    'fashion': ('dsnas_supernet_1xb128_fashion-mnist', None),
    'lite': (None, 'configs/dsnas/_base_/models/efficientnet_lite0_elastic.py'),
}


@pytest.mark.parametrize('space', SPACES)
def test_spaces_that_ship(space):
    """Random paths, of blocks with shuffles, shortcuts and shared weights."""
    name, file = SPACES[space]
    if file is None:
        algorithm = build_model(load_config(name, {}))
    else:
        init_default_scope('mmdsnas')
        model = Config.fromfile(ROOT / file).model
        model.architecture.backbone.backbone.init_cfg = None
        algorithm = MODELS.build(model)
    supernet, shape = algorithm.architecture, algorithm.resource_estimator.input_shape
    meter = PeakMemoryMeter(shape)
    table = meter.table(supernet)
    choices = {n: list(b.choices) for n, b in blocks_of(supernet).items()}
    for path in [*random_paths(choices, 10, 3), *covering_paths(choices)[:2]]:
        parts = [table.blocks[name][choice] for name, choice in path.items()]
        assert meter.whole(supernet, path) == max(*parts, table.fixed_part)


# Limits


def limited(limit, **cost):
    algorithm = algorithm_of(
        net(),
        width=4,
        finetune_epochs=1,
        resource_estimator=dict(input_shape=SHAPE, memory={}),
        cost=dict(limit=limit, **cost),
    )
    algorithm.begin(epoch=0)
    return algorithm


def log_prob_of(mutator, rows, path):
    names = map(mutator.choices, path)
    places = [own.index(c) for own, c in zip(names, path.values())]
    return sum(float(row.log_softmax(0)[k]) for row, k in zip(rows, places))


def test_the_child_is_the_most_probable_path_within_by_enumeration():
    free = limited(None)
    table, paths = free.cost_table, all_paths(free.mutator)
    draw = torch.Generator().manual_seed(0)
    for limit in sorted({table.cost(path)['memory'] for path in paths}):
        algorithm = limited(dict(memory=limit))
        rows = [torch.randn(n, generator=draw) for n in (3, 2, 3)]
        set_alpha(algorithm.mutator, *rows)
        log_prob = partial(log_prob_of, algorithm.mutator, rows)
        within = [p for p in paths if table.cost(p)['memory'] <= limit]
        assert algorithm.begin(epoch=1) == max(within, key=log_prob)
        meta = child_checkpoint(algorithm)['meta']
        assert meta['memory_kib'] <= limit


def test_beside_a_limit_on_flops_and_in_percent():
    free = limited(None)
    most = free.cost_table.cost_range('memory')[1]
    algorithm = limited(dict(flops='60%', memory='50%'))
    term = algorithm.cost_term
    assert term.limits['memory'] == most / 2 and term.adaptive
    child = algorithm.begin(epoch=1)
    assert free.cost_table.cost(child)['memory'] <= most / 2 and term.allows(child)
    # It does not add up: a part of the largest, whatever else there is.
    out = {
        c
        for b in free.cost_table.blocks.values()
        for c, n in b.items()
        if n['memory'] > most / 2
    }
    assert out == {'large'}


def test_a_limit_below_what_all_paths_need():
    table = limited(None).cost_table
    least = table.cost_range('memory')[0]
    with pytest.raises(
        ConfigError, match='no path of this search space is within'
    ) as found:
        limited(dict(memory=least * 0.99))
    assert f'{least:.6g} KiB' in str(found.value)
    limited(dict(memory=least))


def test_the_gradient_leads_away_from_what_is_too_large():
    algorithm = limited(dict(memory='50%'))
    term, mutator = algorithm.cost_term, algorithm.mutator
    alphas = list(mutator.arch_params.values())
    for _ in range(3):
        for alpha in alphas:
            # Of the task, whose size that of the limit is relative to.
            alpha.grad = torch.ones_like(alpha)
        term.add_constraint_grad(alphas, mutator.probs())
    added = [alpha.grad - 1 for alpha in alphas]
    # A step is downhill: what is too large gets less probable.
    assert added[0][0] > 0 and (added[0][1:] < 0).all()
    assert added[1].abs().max() == added[2].abs().max() == 0


def test_what_lives_across_blocks_is_measured_whole():
    """The first block's result stays until the end, which no candidate knows of."""

    class Long(Maps):
        def features(self, x):
            x = self.first(x)
            first = self.blocks[0](x)
            x = self.blocks[2](self.blocks[1](first))
            return (x.mean((2, 3)) + first.mean((2, 3))) / 2

    def grown():
        wide = nn.Conv2d(4, 4, 1)
        return Long(
            [
                block(wide=wide, skip=nn.Identity()),
                block(large=bottleneck(16, 2), small=bottleneck(4, 2)),
                block(large=bottleneck(48), small=bottleneck(8), skip=nn.Identity()),
            ]
        )

    model = grown()
    meter = PeakMemoryMeter(SHAPE)
    choices = {n: list(b.choices) for n, b in blocks_of(model).items()}
    table = meter.table(model)
    for path in map(
        dict, itertools.product(*([(n, c) for c in own] for n, own in choices.items()))
    ):
        parts = [table.blocks[name][choice] for name, choice in path.items()]
        assert meter.whole(model, path) <= max(*parts, table.fixed_part)


def test_limits_as_numbers():
    table = limited(None).cost_table
    term = CostTerm(table, dict(memory='50%'))
    costs, limits, rest = term.constraints()
    limit = term.limits['memory']
    assert 0 < limits[0] < 1 and rest == [0.0]
    assert (costs[0] == (table.matrix('memory') > limit).numpy()).all()
    assert most_probable_path(torch.zeros(3, 3).numpy(), costs, limits, rest)
