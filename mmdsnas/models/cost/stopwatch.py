import math
import resource
import statistics
from logging import WARNING
from typing import Any, Callable, Dict, Hashable, List, Mapping, Tuple, TypeVar

from mmengine.logging import print_log
from torch.utils.benchmark import Timer, timer

from mmdsnas.utils.progress import progress

Key = TypeVar('Key', bound=Hashable)

# A measurement repeats a call for about as long, in seconds, because clocks and
# the waiting for a GPU are not exact; at most so many times. It is shorter than
# the slices in which processes share a core, so that most are not interrupted.
SECONDS = 0.001
MOST_CALLS = 1000
# With fewer undisturbed measurements than this share, all of them count.
ENOUGH = 0.05


def interruptions() -> int:
    """How often this process had to leave a core to another one."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_nivcsw


def median_times(
    calls: Mapping[Key, Callable[[], Any]],
    repeats: int,
    threads: int = 1,
    clock: Callable[[], float] = timer,
    interrupted: Callable[[], int] = interruptions,
) -> Dict[Key, float]:
    """Times functions side by side.

    In each round every function is measured once, after a warm-up, so that a
    machine that becomes slower meanwhile slows all of them alike. Measurements in
    which the process was interrupted do not count where others are left: on a busy
    machine they say more of its other processes than of the function.

    Args:
        calls (Mapping[Key, callable]): What is timed.
        repeats (int): Number of rounds.
        threads (int): Threads of torch.
        clock (callable): The time in seconds; by default torch's, which waits
            for the GPU.
        interrupted (callable): How often the process was interrupted so far.

    Returns:
        dict[Key, float]: Milliseconds of one call, the median over the rounds.
    """
    read: List[int] = []

    def noting_clock() -> float:
        read.append(interrupted())
        return clock()

    timers = {
        key: Timer(
            'call()', globals=dict(call=call), timer=noting_clock, num_threads=threads
        )
        for key, call in calls.items()
    }
    numbers = {}
    for key, watch in timers.items():
        seconds = max(watch.timeit(1).mean, SECONDS / MOST_CALLS)
        numbers[key] = max(1, math.ceil(SECONDS / seconds))
    times: Dict[Key, List[Tuple[float, bool]]] = {key: [] for key in timers}
    for _ in progress(range(repeats), 'Measuring latencies'):
        for key, watch in timers.items():
            milliseconds = watch.timeit(numbers[key]).mean * 1e3
            # The clock's last two readings are start and end of the measurement.
            times[key].append((milliseconds, read[-1] == read[-2]))
            read.clear()
    return _medians(times, repeats)


def _medians(
    times: Mapping[Key, List[Tuple[float, bool]]], repeats: int
) -> Dict[Key, float]:
    medians, busy = {}, 0
    for key, measured in times.items():
        undisturbed = [time for time, is_whole in measured if is_whole]
        if len(undisturbed) < max(1, ENOUGH * repeats):
            undisturbed = [time for time, _ in measured]
            busy += 1
        medians[key] = statistics.median(undisturbed)
    if busy:
        print_log(
            f'other processes kept interrupting {busy} of {len(times)} measurements of '
            'latencies, which are too large therefore; measure while the machine has '
            'nothing else to do.',
            'current',
            level=WARNING,
        )
    return medians
