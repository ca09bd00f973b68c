"""Peaks of memory of candidates and of paths, and limits on them."""

from functools import partial

import pytest
import torch
import torch.nn as nn
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
    limits_of_networks,
    random_paths,
)
from mmdsnas.models.cost.search_space import covering_paths
from mmdsnas.models.mutables import blocks_of
from mmdsnas.models.mutators.most_probable import most_probable_path
from mmdsnas.registry import MODELS
from mmdsnas.subnets import child_checkpoint
from tests.conftest import ROOT
from tests.toy import ToyNet, algorithm_of, all_paths, block, prepared, set_alpha

EDGE = 8
PIXELS = EDGE * EDGE


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
    with pytest.raises(ConfigError, match='accept a batch of resource_estimator'):
        PeakMemoryMeter((1, 5, EDGE, EDGE)).whole(model, path)
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


def limited(limit, model=None, **cost):
    algorithm = algorithm_of(
        model or net(),
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


class Long(Maps):
    """What the stem and the first block return is alive until the end."""

    def features(self, x):
        stem = self.first(x)
        first = self.blocks[0](stem)
        x = self.blocks[2](self.blocks[1](first))
        return x.mean((2, 3)) + first.mean((2, 3)) + stem.mean((2, 3))


def grown():
    # With skip both are one map. So is it in the path that the third block's first
    # candidate is executed in for the table.
    return Long(
        [
            block(skip=nn.Identity(), wide=nn.Conv2d(4, 4, 1)),
            block(large=bottleneck(16), small=bottleneck(4)),
            block(large=bottleneck(48), small=bottleneck(8), skip=nn.Identity()),
        ]
    )


def test_what_lives_across_blocks_is_measured_whole():
    free = limited(None, grown())
    meter, table = PeakMemoryMeter(SHAPE), free.cost_table
    wholes = {
        tuple(path.values()): meter.whole(free.architecture, table.choices(path))
        for path in all_paths(free.mutator)
    }
    one_map = 4 * PIXELS * 4 / 1024
    paths = [dict(zip(free.mutator.search_groups, path)) for path in wholes]
    beyond = {
        wholes[tuple(path.values())] - table.cost(path)['memory'] for path in paths
    }
    # More than it says, where both maps are alive; less, where they are one.
    assert beyond == {0, one_map, -one_map}
    tightened = 0
    least = table.cost_range('memory')[0]
    for limit in sorted({n for n in wholes.values() if n >= least}):
        algorithm = limited(dict(memory=limit), grown())
        set_alpha(algorithm.mutator, [0.0, 1.0], [1.0, 0.0], [2.0, 1.0, 0.0])
        before = tuple(algorithm.mutator.derive_child().values())
        child = algorithm.begin(epoch=1)
        assert wholes[tuple(child.values())] <= limit
        assert (wholes[before] > limit) == (before != tuple(child.values()))
        tightened += wholes[before] > limit
    assert tightened


def test_a_path_is_left_out_where_the_stem_has_the_peak():
    """Not all of them, since no path has a lower one."""

    class Stem(Long):
        def __init__(self, blocks):
            super().__init__(blocks)
            self.first = nn.Sequential(nn.Conv2d(3, 34, 1), nn.Conv2d(34, 4, 1))

    def made(limit):
        algorithm = limited(limit, Stem(list(grown().blocks)))
        set_alpha(algorithm.mutator, [0.0, 1.0], [1.0, 0.0], [0.0, 2.0, 1.0])
        return algorithm

    free = made(None)
    table, meter = free.cost_table, PeakMemoryMeter(SHAPE)
    stem = table.fixed_part['memory']
    assert stem == (34 + 4) * PIXELS * 4 / 1024 == table.cost_range('memory')[0]
    before = free.mutator.derive_child()
    whole = meter.whole(free.architecture, table.choices(before))
    # As the table has it, blocks are below the stem.
    assert whole > stem > max(table.by_group[g][c]['memory'] for g, c in before.items())
    algorithm = made(dict(memory=stem))
    child = algorithm.begin(epoch=1)
    assert meter.whole(algorithm.architecture, table.choices(child)) == stem
    assert algorithm.cost_term.allows(child) and child != before


def test_a_limit_on_blocks_alone_leaves_out_the_stem():
    algorithm = limited(dict(memory=1.25), count_fixed_part=False)
    assert algorithm.cost_table.fixed_part['memory'] > 1.25
    # Nothing is measured whole for it, so that blocks may be fixed early.
    assert not limits_of_networks(algorithm.cost_term)
    child = algorithm.begin(epoch=1)
    peaks = algorithm.cost_table.by_group
    assert all(peaks[g][c]['memory'] <= 1.25 for g, c in child.items())


def test_limits_as_numbers():
    table = limited(None).cost_table
    term = CostTerm(table, dict(memory='50%'))
    costs, limits, rest = term.constraints()
    limit = term.limits['memory']
    assert 0 < limits[0] < 1 and rest == [0.0]
    assert (costs[0] == (table.matrix('memory') > limit).numpy()).all()
    assert most_probable_path(torch.zeros(3, 3).numpy(), costs, limits, rest)
