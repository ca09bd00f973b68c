import pytest
import torch

from mmdsnas.models import CostTable
from mmdsnas.models.cost.cost_table import total_costs


def costs(*amounts):
    return dict(zip(('flops', 'params', 'latency'), amounts))


@pytest.fixture
def table():
    """Two blocks in one group, one block of three candidates alone."""
    return CostTable(
        blocks=dict(
            first=dict(a=costs(1.0, 0.1), b=costs(2.0, 0.2)),
            second=dict(x=costs(10.0, 1.0), y=costs(30.0, 3.0), z=costs(20.0, 2.0)),
            third=dict(a=costs(5.0, 0.5), b=costs(3.0, 0.3)),
        ),
        groups=dict(pair=['first', 'third'], alone=['second']),
        fixed_part=costs(100.0, 7.0),
    )


def test_the_total_of_costs():
    assert total_costs(iter([costs(1, 2, 5), costs(3, 4, 6)])) == costs(4, 6, 11)


def test_the_costs_of_a_group_are_the_sums_over_its_blocks(table):
    assert table.by_group['pair'] == dict(a=costs(6.0, 0.6), b=costs(5.0, 0.5))
    assert table.by_group['alone'] == table.blocks['second']


def test_the_cost_of_a_path(table):
    path = dict(pair='b', alone='z')
    assert table.cost(path) == pytest.approx(costs(125.0, 9.5))
    assert table.cost(path, False) == pytest.approx(costs(25.0, 2.5))


def test_latencies_come_in_addition(table):
    blocks = dict(first=dict(a=1, b=2), second=dict(x=4, y=8, z=16))
    blocks['third'] = dict(a=32, b=64)
    measured = table.measured('latency', blocks, 128)
    wanted = costs(125.0, 9.5, 2 + 16 + 64 + 128)
    assert measured.cost(dict(pair='b', alone='z')) == wanted
    assert measured.cost(dict(pair='a', alone='x'), False)['latency'] == 1 + 4 + 32
    assert 'latency' not in table.fixed_part


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
        blocks={name: dict(a=costs(1.0, 1.0)) for name in names},
        groups={f'module_{k}': [name] for k, name in enumerate(names)},
        fixed_part=costs(0.0, 0.0),
    )
    assert list(table.labels().values()) == wanted
    assert list(table.labels()) == list(table.groups)


def test_the_label_of_a_group_names_all_its_blocks(table):
    assert table.labels() == dict(pair='first+third', alone='second')
