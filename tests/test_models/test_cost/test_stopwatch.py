"""A clock and interruptions that the timed functions themselves make."""

import pytest
import torch

from mmdsnas.models.cost.stopwatch import median_times


class World:
    def __init__(self):
        self.now, self.switches, self.log = 0.0, 0, []

    def call(self, name, seconds, switches=lambda n: 0):
        """A function; the n-th call takes ``seconds(n)``."""
        count = iter(range(10**6))

        def function():
            n = next(count)
            self.log.append(name)
            self.now += seconds(n)
            self.switches += switches(n)

        return function

    def times(self, calls, repeats):
        return median_times(
            calls,
            repeats,
            clock=lambda: self.now,
            interrupted=lambda: self.switches,
        )


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


def test_interrupted_measurements_do_not_count(warned):
    world = World()
    # Every other measurement is interrupted, which takes a second.
    odd = [n for k in range(10) for n in [5 + 3 * k] if k % 2]
    call = world.call('a', lambda n: 3.0 + (n in odd), lambda n: int(n in odd))
    # Interruptions of the warm-up are none.
    other = world.call('b', lambda n: 2.0, lambda n: int(n % 3 != 2))
    assert world.times(dict(a=call, b=other), 10) == pytest.approx(dict(a=3e3, b=2e3))
    assert warned() == []


def test_all_count_where_all_are_interrupted(warned):
    world = World()
    call = world.call('a', lambda n: float(n), lambda n: 1)
    assert world.times(dict(a=call), 3) == pytest.approx(dict(a=8e3))
    (sentence,) = warned()
    assert 'interrupting 1 of 1 measurements' in sentence


def test_threads_of_torch():
    seen, before = set(), torch.get_num_threads()
    median_times(dict(a=lambda: seen.add(torch.get_num_threads())), 1, threads=3)
    assert seen == {3} and torch.get_num_threads() == before
