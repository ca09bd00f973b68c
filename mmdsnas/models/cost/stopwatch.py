import math
from logging import WARNING
from typing import Any, Callable, Hashable, Mapping, TypeVar

from mmengine.logging import print_log
from torch.utils.benchmark import Measurement, Timer

from mmdsnas.utils.progress import progress

Key = TypeVar('Key', bound=Hashable)

# A measurement repeats a call for about as long, in seconds, because clocks and
# the waiting for a GPU are not exact; at most so many times. It is shorter than
# the slices in which processes share a core, so that most are not interrupted.
SECONDS = 0.001
MOST_CALLS = 1000
# Interquartile range of the rounds, in medians, above which a machine is busy.
BUSY = 0.25


def median_times(
    calls: Mapping[Key, Callable[[], Any]], repeats: int, threads: int = 1, **options
) -> dict[Key, float]:
    """Times functions side by side.

    In each round every function is measured once, after a warm-up, so that a
    machine that becomes slower meanwhile slows all of them alike.

    Args:
        calls (Mapping[Key, callable]): What is timed.
        repeats (int): Number of rounds, over which the result is the median, in ms.
        threads (int): Threads of torch.
        **options: Of torch's ``Timer``; its clock waits for the GPU.
    """
    options.update(stmt='call()', num_threads=threads)
    timers = {k: Timer(globals=dict(call=c), **options) for k, c in calls.items()}
    numbers = {}
    for key, timer in timers.items():
        seconds = max(timer.timeit(1).mean, SECONDS / MOST_CALLS)
        numbers[key] = max(1, math.ceil(SECONDS / seconds))
    rounds: dict[Key, list[Measurement]] = {key: [] for key in timers}
    for _ in progress(range(repeats), 'Measuring latencies'):
        for key, timer in timers.items():
            rounds[key].append(timer.timeit(numbers[key]))
    merged = {key: Measurement.merge(parts)[0] for key, parts in rounds.items()}
    busy = sum(not times.meets_confidence(BUSY) for times in merged.values())
    if busy:
        told = (
            f'{busy} of {len(merged)} latencies vary by more than {BUSY:.0%} from one '
            'measurement to the next; measure while the machine has nothing else to do.'
        )
        print_log(told, 'current', WARNING)
    return {key: times.median * 1e3 for key, times in merged.items()}
