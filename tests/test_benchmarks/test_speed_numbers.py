"""Statistics, memory and tables of the speed benchmark, on numbers made up."""

import pytest
import torch

from benchmarks.speed import timing
from benchmarks.speed.growth import off_line
from benchmarks.speed.idle import covered
from benchmarks.speed.processes import PeakMemory, sizes
from benchmarks.speed.timing import quartiles, ratio, take_turns


class Fake:
    """A step that takes what the test says."""

    def __init__(self, name, calls):
        self.name, self.calls = name, calls

    def prepare(self, index):
        self.calls.append(f'prepare {self.name} {index}')

    def run(self, index):
        self.calls.append(f'{self.name} {index}')


def test_quartiles_by_hand():
    assert quartiles([5, 1, 2, 4, 3]) == (3, 2, 4)
    assert quartiles([0, 1]) == (0.5, 0.25, 0.75)


def test_a_ratio_is_of_the_same_rounds():
    """The ratio of the medians would be 2.5."""
    assert ratio([2, 5, 40], [1, 2, 20]) == quartiles([2, 2.5, 2])


def test_variants_take_turns_and_the_warmup_does_not_count(monkeypatch):
    calls = []

    def timed(function, device):
        function()
        return dict(wall=float(len(calls)), cpu=0.5)

    monkeypatch.setattr(timing, 'timed', timed)
    times = take_turns({name: Fake(name, calls) for name in 'abc'}, 30, 1)
    order = [call for call in calls if not call.startswith('prepare')]
    # Each is prepared right before it runs.
    assert calls[::2] == [f'prepare {call}' for call in order]
    rounds = [order[i : i + 3] for i in range(0, 93, 3)]
    for index, each in enumerate(rounds):
        assert sorted(each) == [f'{name} {index}' for name in 'abc']
    # Every variant follows every other one, and all orders are there.
    assert len({tuple(call[0] for call in each) for each in rounds}) == 6
    places = [2.0 * (order.index(f'a {index}') + 1) for index in range(1, 31)]
    assert times['a'].wall == places and times['a'].cpu == [0.5] * 30


def test_the_distance_from_a_line():
    assert off_line([5, 10, 20, 40], [2.0, 3.0, 5.0, 9.0]) == pytest.approx(0, abs=1e-9)
    assert off_line([1, 2, 3, 4], [1.0, 4.0, 9.0, 16.0]) > 0.2


def test_overlapping_kernels_count_once():
    assert covered([(5, 6), (0, 2), (1, 3), (1.5, 2)]) == 4


def test_the_peak_is_of_what_came_and_went():
    memory = PeakMemory('cpu')
    memory.start()
    size = 96 * 2**20
    kept = torch.ones(size // 4)
    del kept
    first = memory.read()
    assert first == pytest.approx(size, rel=0.1)
    memory.start()
    assert memory.read() < size / 2


def test_sizes_by_hand():
    model = torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.BatchNorm1d(2))
    optimizer = torch.optim.SGD(model[0].parameters(), lr=1, momentum=0.9)
    model[0](torch.ones(1, 3)).sum().backward()
    optimizer.step()
    # 8 + 4 numbers and two statistics of float32, one count of int64.
    assert sizes(model, optimizer) == dict(weights=(12 + 4) * 4 + 8, state=8 * 4)
