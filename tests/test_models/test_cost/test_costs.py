"""A cost of one's own is a record in the table, and nothing else."""

import pytest
import torch

from mmdsnas.engine.hooks.logging.search_log_hook import search_numbers
from mmdsnas.engine.hooks.logging.search_plan_hook import plan_lines
from mmdsnas.errors import ConfigError
from mmdsnas.models.cost import COSTS, Cost, loosest_first, split_limits
from mmdsnas.subnets.child import child_checkpoint
from mmdsnas.visualization.tables import child_table, cost_table
from tests.toy import algorithm_of, all_paths, batch, costly_net, searching, set_alpha

# Elements of what leaves give for one input: of stem, tail and head, and of candidates.
REST, CHEAP, DEAR = 6 + 6 + 3, 6, 60 + 6


def elements(estimator, module, args, output):
    return None if list(module.children()) else output.numel()


@pytest.fixture
def activations(monkeypatch):
    names = 'activations', 'elements', 'elements', 'expected_elements', 'elements'
    cost = Cost(*names, digits=0, count=elements)
    monkeypatch.setitem(COSTS, 'activations', cost)


def limited(limit):
    torch.manual_seed(0)
    algorithm = searching(costly_net(), cost=dict(limit=dict(activations=limit)))
    set_alpha(algorithm.mutator, [0, 1], [0, 2], [0, 1.5])
    with algorithm.constrained_step():
        algorithm.loss(*batch())
    return algorithm


def test_a_cost_of_ones_own(activations):
    algorithm = limited(REST + 2 * DEAR)
    table, mutator = algorithm.cost_table, algorithm.mutator
    # It can be limited.
    assert table.cost_range('activations') == (REST + 3 * CHEAP, REST + 3 * DEAR)
    child = mutator.derive_child()
    assert list(child.values()) == ['cheap', 'dear', 'cheap']
    for path in all_paths(mutator):
        allowed = sum(choice == 'dear' for choice in path.values()) < 2
        assert algorithm.cost_term.allows(path) == allowed
    # Its multiplier moves alpha towards its limit.
    before = algorithm.cost_term.multipliers.activations.item()
    for alpha in mutator.arch_params.values():
        alpha.grad = torch.zeros_like(alpha)
    with algorithm.constrained_step() as add_constraint_grad:
        add_constraint_grad()
    assert algorithm.cost_term.multipliers.activations > before
    assert all(alpha.grad[1] > 0 for alpha in mutator.arch_params.values())
    # It is logged.
    state, _ = search_numbers(algorithm, mutator.probs().detach())
    probs = mutator.probs().detach()
    mean = REST + (probs @ torch.tensor([CHEAP, DEAR]).double()).sum()
    assert state['expected_elements'] == pytest.approx(mean.item())
    assert 'multiplier_activations' in state
    assert f'a limit of {REST + 2 * DEAR} elements' in plan_lines(algorithm, {})[0]
    # The child has it, in its file and in tables.
    meta = child_checkpoint(algorithm)['meta']
    assert meta['elements'] == REST + 2 * CHEAP + DEAR
    own = [block['elements'] for block in meta['blocks'].values()]
    assert own == [CHEAP, DEAR, CHEAP]
    lines = child_table(meta, []).splitlines()
    assert lines[1].split()[-1] == 'elements'
    assert [line.split()[-1] for line in lines if 'dear' in line] == [str(DEAR)]
    assert cost_table(table).splitlines()[1].split()[-1] == 'elements'


def test_a_network_that_has_more_of_it_is_refused(activations):
    algorithm = limited(REST + 2 * DEAR)
    algorithm.architecture.tail = torch.nn.Sequential(*[torch.nn.Identity()] * 12)
    with pytest.raises(ConfigError, match=f'limit is {REST + 2 * DEAR} elements'):
        child_checkpoint(algorithm)


def test_what_is_no_cost(activations):
    with pytest.raises(
        ConfigError, match='among flops, params, latency, memory, size, activations'
    ):
        algorithm_of(costly_net(), cost=dict(limit=dict(elements=100)))


@pytest.mark.parametrize(
    'cost, options, limits',
    [
        ({}, {}, [None]),
        (dict(limit=3, weight=1), dict(weight=1), [3]),
        (dict(limits=('50%', 3), form='adaptive'), dict(form='adaptive'), ['50%', 3]),
        (dict(limits=[{'flops': 3}], limit=None), {}, [{'flops': 3}]),
    ],
)
def test_one_limit_or_several(cost, options, limits):
    before = dict(cost)
    assert split_limits(cost) == (options, limits) and cost == before


@pytest.mark.parametrize(
    'cost, words',
    [
        (dict(limits=[3], limit=3), 'cost.limit must be None where model.cost.limits'),
        *(
            (dict(limits=wrong), 'cost.limits must be a list of limits')
            for wrong in ([], 3, '50%', {'flops': 3}, [3, None])
        ),
    ],
)
def test_what_are_no_limits(cost, words):
    with pytest.raises(ConfigError, match=words):
        split_limits(cost)


def test_the_loosest_limit_comes_first():
    limits = [dict(flops=2.0), dict(flops=3.0), dict(flops=0.5)]
    assert loosest_first(limits) == [1, 0, 2]
    both = [dict(flops=2.0, params=1.0), dict(flops=2.0, params=3.0)]
    assert loosest_first(both) == [1, 0]
    assert loosest_first([{}]) == [0]


@pytest.mark.parametrize(
    'limits',
    [
        [dict(flops=2.0), dict(flops=2.0)],
        [dict(flops=2.0), dict(params=1.0)],
        [dict(flops=2.0, params=1.0), dict(flops=1.0, params=2.0)],
        [dict(flops=2.0), dict(flops=1.0, params=2.0)],
    ],
)
def test_limits_that_have_no_order(limits):
    with pytest.raises(ConfigError, match='must be limits on the same costs'):
        loosest_first(limits)


def test_a_measured_cost(monkeypatch):
    """Its meter is made of the option of its name, and its table is used."""

    class Meter:
        def __init__(self, input_shape, watts):
            self.watts, self.blocks, self.fixed_part = watts, {}, 1.0

        def table(self, model):
            names = [f'blocks.{k}' for k in range(3)]
            self.blocks = {n: dict(cheap=1.0, dear=self.watts) for n in names}
            return self

    names = 'energy', 'millijoules', 'energy_mj', 'expected_mj', 'mJ'
    monkeypatch.setitem(COSTS, 'energy', Cost(*names, meter=Meter))
    shape = dict(input_shape=(1, 1, 6))
    with pytest.raises(ConfigError, match='resource_estimator.energy must say'):
        limit = dict(limit=dict(energy=5.0))
        algorithm_of(costly_net(), resource_estimator=shape, cost=limit)
    estimator = dict(shape, energy=dict(watts=3.0))
    algorithm = algorithm_of(costly_net(), resource_estimator=estimator, cost=limit)
    set_alpha(algorithm.mutator, [0, 1], [0, 2], [0, 1.5])
    meta = child_checkpoint(algorithm)['meta']
    assert meta['energy_mj'] == 4.0 and 'latency_ms' not in meta
