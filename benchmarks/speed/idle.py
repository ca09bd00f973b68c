"""How long a GPU waits during search steps."""

from typing import Iterable

import torch
from torch.profiler import ProfilerActivity, profile

from .timing import timed
from .variants import SearchStep


def idle_share(step: SearchStep, steps: int = 10) -> float:
    """Share of the time in which no kernel and no copy runs on the GPU.

    Args:
        step (SearchStep): Warmed up.
        steps (int): How many are looked at.

    Raises:
        RuntimeError: The profiler saw nothing on the GPU.
    """

    def run() -> None:
        for index in range(steps):
            step.run(index)

    with profile(activities=[ProfilerActivity.CUDA]) as profiler:
        wall = timed(run, 'cuda')['wall']
    cuda = torch.autograd.DeviceType.CUDA
    spans = [
        (event.time_range.start, event.time_range.end)
        for event in profiler.events()
        if event.device_type == cuda
    ]
    if not spans:
        raise RuntimeError('the profiler saw nothing that ran on the GPU.')
    # The profiler counts microseconds.
    return 1 - covered(spans) / 1e6 / wall


def covered(spans: Iterable[tuple[float, float]]) -> float:
    """Length of the union of intervals.

    Args:
        spans (Iterable[tuple[float, float]]): Beginnings and ends.
    """
    length, reached = 0.0, float('-inf')
    for begin, end in sorted(spans):
        length += max(0.0, end - max(begin, reached))
        reached = max(reached, end)
    return length
