"""A clock that the timed functions themselves make."""

import pytest
import torch

from mmdsnas.models.cost.stopwatch import median_times


class World:
    def __init__(self):
        self.now, self.log = 0.0, []

    def call(self, name, seconds):
        """A function; the n-th call takes ``seconds(n)``."""
        count = iter(range(10**6))

        def function():
            n = next(count)
            self.log.append(name)
            self.now += seconds(n)

        return function

    def times(self, calls, repeats):
        return median_times(calls, repeats, timer=lambda: self.now)


def test_the_median_of_the_rounds():
    """Of calls of 4 s or more, one is measured a round, after two to warm up."""
    world = World()
    # Calls 5, 8 and 11 are measured; 0 to 2 tell how long a call takes.
    seconds = {5: 7.0, 8: 4.0, 11: 60.0}
    times = world.times(dict(a=world.call('a', lambda n: seconds.get(n, 99.0))), 3)
    assert times == dict(a=pytest.approx(7e3))


def test_short_calls_are_measured_many_at_a_time():
    world = World()
    times = world.times(dict(a=world.call('a', lambda n: 1e-5)), 1)
    assert times == dict(a=pytest.approx(1e-2))
    # Two to warm up and one; then two and what fills a millisecond.
    assert len(world.log) in (105, 106)


def test_every_round_measures_all():
    world = World()
    calls = {name: world.call(name, lambda n: 1.0) for name in 'abc'}
    world.times(calls, 2)
    changes = [b for a, b in zip([None, *world.log], world.log) if a != b]
    assert ''.join(changes) == 'abc' * 3


@pytest.mark.parametrize('spread', [0.2, 0.3])
def test_a_busy_machine_is_told(spread, warned):
    world = World()
    # One call is measured a round; a third of the rounds is slower.
    slow = [5 + 3 * k for k in range(20) if k % 3 == 0]
    call = world.call('a', lambda n: 3.0 * (1 + spread * (n in slow)))
    assert world.times(dict(a=call), 20) == pytest.approx(dict(a=3e3))
    assert any('1 of 1 latencies vary' in line for line in warned()) == (spread > 0.25)


def test_threads_of_torch():
    seen, before = set(), torch.get_num_threads()
    median_times(dict(a=lambda: seen.add(torch.get_num_threads())), 1, threads=3)
    assert seen == {3} and torch.get_num_threads() == before
