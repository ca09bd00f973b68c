"""The costs of a table are those of the networks that run, or it is refused."""

import pytest
import torch
import torch.nn as nn

from mmdsnas.errors import ConfigError
from mmdsnas.models import ResourceEstimator
from mmdsnas.models.cost.search_space import covering_paths
from tests.toy import Layer, ToyNet, block, prepared, smooth_block

VECTOR = (1, 1, 6)


class Tells(Layer):
    """A candidate that leaves a note for others."""

    def __init__(self, note, function=torch.tanh):
        super().__init__(function)
        self.notes, self.note = [], note

    def forward(self, x):
        if self.note is not None:
            self.notes[0].note = self.note
        return super().forward(x)


class Reads(nn.Module):
    """A layer that is executed as often as a candidate says."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(6, 6)
        self.note = 1

    def forward(self, x):
        for _ in range(self.note):
            x = self.layer(x)
        return x


def telling(**notes):
    """A block whose candidates write notes, and what reads them."""
    tail = Reads()
    op = block(**{name: Tells(note) for name, note in notes.items()})
    for candidate in op.candidates():
        candidate.notes.append(tail)
    return ToyNet([smooth_block(), op], tail=tail)


def table(net, **kwargs):
    groups = prepared(net, **kwargs).search_groups
    return ResourceEstimator(VECTOR).cost_table(net, groups)


def test_candidates_that_say_the_same_are_fine():
    net = telling(a=2, b=2)
    assert table(net).fixed_part['flops'] == pytest.approx(18e-6 + 2 * 36e-6)
    assert net.tail.note == 1


@pytest.mark.parametrize(
    'notes',
    [
        dict(a=1, b=3),
        dict(a=3, b=1),
        dict(a=1, b=3, c=1),
        # It says nothing: in a network of its own nobody does.
        dict(silent=None, loud=2),
        dict(loud=2, silent=None),
    ],
)
def test_what_follows_costs_something_else(notes):
    with pytest.raises(ConfigError) as info:
        table(telling(**notes))
    found = str(info.value)
    assert 'blocks.1' in found and any(f"'{name}'" in found for name in notes)
    assert 'MFLOPs' in found


def test_two_choices_that_only_together_cost_more():
    """Neither candidate is the first or the last of both blocks."""

    class Pair(ToyNet):
        def features(self, x):
            for op in self.blocks:
                x = op(x)
            both = all(op.choices == ['dear'] for op in self.blocks)
            return self.blocks[0](x) if both else x

    cheap, dear = nn.Identity, lambda: nn.Linear(6, 6)
    first = block(cheap=cheap(), dear=dear())
    second = block(dear=dear(), cheap=cheap())
    with pytest.raises(ConfigError, match=r'block blocks\.0 with dear costs'):
        table(Pair([first, second]))


def test_a_network_that_cannot_be_executed():
    class Narrow(nn.Module):
        def forward(self, x):
            return x[..., : len(op.choices) * 3]

    op = block(a=nn.Identity(), b=nn.Tanh())
    with pytest.raises(ConfigError, match=r"'blocks\.0': 'a'.*\(1, 1, 6\)"):
        table(ToyNet([op], tail=Narrow()))


def test_blocks_of_one_group_are_checked_together():
    net = ToyNet([smooth_block('one'), smooth_block('one'), smooth_block()])
    assert len(table(net).groups) == 2
    net.blocks[1].alias = 'two'
    groups = [['one', 'two']]
    assert len(table(net, custom_groups=groups).groups) == 2


def test_blocks_that_are_not_executed_are_named(warned):
    class Idle(ToyNet):
        def features(self, x):
            return self.blocks[1](x)

    costs = table(Idle([smooth_block(), smooth_block()])).blocks
    (sentence,) = warned()
    assert 'blocks.0' in sentence and 'blocks.1' not in sentence
    assert costs['blocks.0']['tanh']['flops'] == 0 < costs['blocks.1']['tanh']['flops']


def test_every_candidate_is_in_a_path():
    choices = dict(x='abc', y='a', z='ab')
    paths = covering_paths(choices)
    assert len(paths) == 3
    for name, options in choices.items():
        assert {path[name] for path in paths} == set(options)
