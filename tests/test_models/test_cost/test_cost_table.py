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
    assert total([]) == Cost(0, 0)
    assert total(iter([Cost(1, 2), Cost(3, 4)])) == Cost(4, 6)


def test_the_costs_of_a_group_are_the_sums_over_its_blocks(table):
    assert table.by_group['pair'] == dict(a=Cost(6.0, 0.6), b=Cost(5.0, 0.5))
    assert table.by_group['alone'] == table.blocks['second']


def test_the_cost_of_a_path(table):
    path = dict(pair='b', alone='z')
    assert table.cost(path) == pytest.approx(Cost(125.0, 9.5))
    assert table.cost(path, fixed_part=False) == pytest.approx(Cost(25.0, 2.5))


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
