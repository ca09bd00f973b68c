from math import isnan

import pytest
import torch

from mmdsnas.models import Cost, CostTable
from mmdsnas.models.cost.cost_table import total


@pytest.fixture
def table():
    """Two blocks in one group, one block of three candidates alone."""
    return CostTable(
        blocks=dict(
            first=dict(a=Cost(1.0, 0.1), b=Cost(2.0, 0.2)),
            second=dict(x=Cost(10.0, 1.0), y=Cost(30.0, 3.0), z=Cost(20.0, 2.0)),
            third=dict(a=Cost(5.0, 0.5), b=Cost(3.0, 0.3)),
        ),
        groups=dict(pair=['first', 'third'], alone=['second']),
        fixed_part=Cost(100.0, 7.0),
    )


def test_the_total_of_nothing_is_nothing():
    assert total([]) == Cost(0, 0, 0)
    assert total(iter([Cost(1, 2, 5), Cost(3, 4, 6)])) == Cost(4, 6, 11)


def test_a_latency_that_was_not_measured_makes_no_number():
    flops, params, latency = total([Cost(1, 2, 5), Cost(3, 4)])
    assert (flops, params) == (4, 6) and isnan(latency)


def test_the_costs_of_a_group_are_the_sums_over_its_blocks(table):
    pair = {choice: cost[:2] for choice, cost in table.by_group['pair'].items()}
    assert pair == dict(a=(6.0, 0.6), b=(5.0, 0.5))
    alone = {choice: cost[:2] for choice, cost in table.by_group['alone'].items()}
    assert alone == {choice: c[:2] for choice, c in table.blocks['second'].items()}


def test_the_cost_of_a_path(table):
    path = dict(pair='b', alone='z')
    assert table.cost(path)[:2] == pytest.approx((125.0, 9.5))
    assert table.cost(path, fixed_part=False)[:2] == pytest.approx((25.0, 2.5))


def test_latencies_come_in_addition(table):
    blocks = dict(first=dict(a=1, b=2), second=dict(x=4, y=8, z=16))
    measured = table.with_latencies(dict(blocks, third=dict(a=32, b=64)), 128)
    assert measured.cost(dict(pair='b', alone='z')) == (125.0, 9.5, 2 + 16 + 64 + 128)
    assert measured.cost(dict(pair='a', alone='x'), False).latency == 1 + 4 + 32
    assert isnan(table.cost(dict(pair='a', alone='x')).latency)


def test_the_range_of_costs(table):
    assert table.cost_range() == (115.0, 136.0)
    assert table.cost_range(fixed_part=False) == (15.0, 36.0)


def test_the_matrix_has_a_row_for_every_group(table):
    wanted = torch.tensor([[6.0, 5.0, 0.0], [10.0, 30.0, 20.0]])
    assert torch.equal(table.matrix('flops'), wanted)


@pytest.mark.parametrize(
    ('names', 'wanted'),
    [
        (['net.layers.0.0', 'net.layers.0.1', 'net.layers.1.0'], ['0.0', '0.1', '1.0']),
        (['net.layers.1', 'net.layers.10'], ['1', '10']),
        (['stage1', 'stage2'], ['stage1', 'stage2']),
        (['net.only'], ['net.only']),
    ],
)
def test_labels_are_names_without_what_all_share(names, wanted):
    table = CostTable(
        blocks={name: dict(a=Cost(1.0, 1.0)) for name in names},
        groups={f'module_{k}': [name] for k, name in enumerate(names)},
        fixed_part=Cost(0.0, 0.0),
    )
    assert list(table.labels().values()) == wanted
    assert list(table.labels()) == list(table.groups)


def test_the_label_of_a_group_names_all_its_blocks(table):
    assert table.labels() == dict(pair='first+third', alone='second')
