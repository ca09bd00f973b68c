"""Times of variants that take turns, round by round, in one process."""

import gc
import time
from typing import Any, Callable, Mapping, NamedTuple, Protocol, Sequence

import numpy as np
import torch


class Step(Protocol):
    """A training step of some variant."""

    def prepare(self, index: int) -> None:
        """What a round needs and a training would not do; not timed."""

    def run(self, index: int) -> Any:
        """The step of round ``index``."""


class Quartiles(NamedTuple):
    """Median and spread.

    Attributes:
        median (float): Half of the values are below.
        low (float): A quarter is.
        high (float): Three quarters are.
    """

    median: float
    low: float
    high: float


class Times(NamedTuple):
    """Seconds of each round.

    Attributes:
        wall (list[float]): On the clock.
        cpu (list[float]): Of the process, all threads together; others that keep the
            machine busy leave it nearly alone.
    """

    wall: list[float]
    cpu: list[float]


def quartiles(values: Sequence[float]) -> Quartiles:
    """Median and quartiles, with linear interpolation."""
    low, median, high = np.quantile(np.asarray(values, float), [0.25, 0.5, 0.75])
    return Quartiles(float(median), float(low), float(high))


def ratio(first: Sequence[float], second: Sequence[float]) -> Quartiles:
    """Quartiles of the ratios of two variants in the same rounds."""
    return quartiles(np.asarray(first, float) / np.asarray(second, float))


def wait_for(device: str) -> None:
    """Waits for what a GPU still has to do; nothing on the CPU."""
    if device != 'cpu':
        torch.cuda.synchronize()


def timed(function: Callable[[], Any], device: str = 'cpu') -> dict[str, float]:
    """Seconds of one call.

    Args:
        function (callable): What is called.
        device (str): Is waited for before and after.

    Returns:
        dict[str, float]: ``wall`` and ``cpu``.
    """
    wait_for(device)
    cpu, wall = time.process_time(), time.perf_counter()
    function()
    wait_for(device)
    return dict(wall=time.perf_counter() - wall, cpu=time.process_time() - cpu)


def take_turns(
    steps: Mapping[str, Step], rounds: int, warmup: int, device: str = 'cpu'
) -> dict[str, Times]:
    """Times all variants in every round, in an order drawn anew.

    Args:
        steps (Mapping[str, Step]): The variants.
        rounds (int): Rounds that count.
        warmup (int): Rounds before them that do not.
        device (str): Is waited for around each step.

    Returns:
        dict[str, Times]: By variant.
    """
    times = {name: Times([], []) for name in steps}
    order = np.random.default_rng(0)
    for index in range(warmup + rounds):
        if index == warmup:
            gc.collect()
            # What stays is looked at no more: each variant has a process of its own
            # outside of here, whose collector does not see the others.
            gc.freeze()
        # What a variant leaves in caches and heap meets each of the others.
        for name in order.permutation(list(steps)):
            steps[name].prepare(index)
            gc.collect()
            step = steps[name].run
            seconds = timed(lambda run=step, i=index: run(i), device)
            if index >= warmup:
                times[name].wall.append(seconds['wall'])
                times[name].cpu.append(seconds['cpu'])
    gc.unfreeze()
    return times
