"""A child is counted as it is written, and is not written above a limit."""

import pytest
import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError
from mmdsnas.subnets import child_checkpoint
from tests.toy import (
    Layer,
    ToyNet,
    algorithm_of,
    all_paths,
    block,
    costly_net,
    set_alpha,
)
from tests.toy_run import runner_of

LAYER = 36e-6, 42e-6


class Repeated(nn.Module):
    """A layer that is executed as often as is noted here."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)
        self.times = 1

    def forward(self, x):
        for _ in range(self.times):
            x = self.layer(x)
        return x


def search(**kwargs):
    """One block of a cheap and a dear candidate; without a limit it is the dear one."""
    torch.manual_seed(0)
    dear = nn.Sequential(nn.Linear(6, 60), nn.Linear(60, 6))
    net = ToyNet([block(cheap=Layer(torch.tanh), dear=dear)], tail=Repeated())
    algorithm = algorithm_of(net, **kwargs)
    set_alpha(algorithm.mutator, [0.0, 1.0])
    return algorithm


def test_the_costs_are_those_of_the_child_that_is_written():
    algorithm = search()
    cost = algorithm.cost_table.cost(algorithm.mutator.derive_child())
    algorithm.architecture.tail.times = 3
    meta = child_checkpoint(algorithm)['meta']
    assert meta['mflops'] == pytest.approx(cost['flops'] + 2 * LAYER[0])
    assert meta['blocks']['blocks.0']['mflops'] == pytest.approx(20 * LAYER[0])


def test_blocks_are_in_the_order_of_the_network():
    """Whatever order the search groups have."""
    alias = [None, 'x', None, 'x']
    net = ToyNet([block(a, one=Layer(torch.tanh), two=nn.Identity()) for a in alias])
    algorithm = algorithm_of(net, mutator=dict(custom_groups=[['blocks.2']]))
    names = [f'blocks.{k}' for k in range(4)]
    assert list(child_checkpoint(algorithm)['meta']['blocks']) == names


@pytest.mark.parametrize('measure', ['flops', 'params'])
def test_a_child_above_a_limit_is_refused(measure):
    cheap = search().cost_table.cost_range(measure)[0]
    algorithm = search(cost=dict(limit={measure: cheap * 1.1}))
    assert child_checkpoint(algorithm)['meta']['blocks']
    algorithm.architecture.tail.times = 3
    with pytest.raises(ConfigError) as info:
        child_checkpoint(algorithm)
    dear = cheap + 2 * LAYER[measure == 'params']
    assert f'{cheap * 1.1:g}' in str(info.value) and f'{dear:.6g}' in str(info.value)


def test_a_limit_on_the_blocks_is_not_one_on_the_rest():
    cheap = search().cost_table.cost_range(fixed_part=False)[0]
    cost = dict(limit=cheap * 1.1, count_fixed_part=False)
    algorithm = search(cost=cost)
    algorithm.architecture.tail.times = 3
    assert child_checkpoint(algorithm)['meta']['mflops'] > cheap * 1.1
    algorithm.mutator.fix(dict(module_0='dear'))
    with pytest.raises(ConfigError, match='blocks only'):
        child_checkpoint(algorithm)


def test_a_child_that_costs_just_the_limit_is_written():
    """Whichever way its costs are added up."""
    plain = algorithm_of(costly_net())
    paths = all_paths(plain.mutator)
    for measure in ('flops', 'params'):
        for path in (paths[0], paths[1], paths[-1]):
            limit = {measure: plain.cost_table.cost(path)[measure]}
            algorithm = algorithm_of(costly_net(), cost=dict(limit=limit))
            algorithm.mutator.fix(path)
            assert child_checkpoint(algorithm)['meta']['blocks']


def test_a_latency_that_was_measured_again_refuses_nothing():
    algorithm = search()
    blocks = dict(cheap=1.0, dear=2.0)
    table = algorithm.cost_table.measured('latency', {'blocks.0': blocks}, 1.0)
    algorithm.cost_table = algorithm.cost_term.table = table
    algorithm.cost_term.limits = dict(latency=1.5)
    meta = child_checkpoint(algorithm)['meta']
    assert meta['latency_ms'] >= 2 > meta['blocks']['blocks.0']['latency_ms'] - 1


def test_a_run_leaves_no_child_above_the_limit(tmp_path):
    cheap = search().cost_table.cost_range()[0]
    model = search(pretrain_epochs=1, finetune_epochs=2, cost=dict(limit=cheap * 1.1))
    model.architecture.tail.times = 3
    runner = runner_of(tmp_path, hooks=[dict(type='ExportChildHook')], model=model)
    with pytest.raises(ConfigError, match=r'cost\.limit'):
        runner.train()
    left = {path.name for path in (tmp_path / 'work').iterdir()}
    assert not any(name.startswith('subnet') for name in left)
