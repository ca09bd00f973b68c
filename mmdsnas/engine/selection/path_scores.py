import math
import time
from datetime import timedelta
from typing import Callable, Dict, Tuple

from mmdsnas.models.mutators.grouped_mutator import Path

# Lines of progress in a selection.
LINES = 50


class PathScores:
    """Scores of paths, each measured once, with lines of progress.

    Args:
        measure (Callable): Measures a path, greater is better.
        most (int): How many paths are measured at most.
        log (Callable): What a line of progress is given to.
    """

    def __init__(
        self,
        measure: Callable[[Path], float],
        most: int,
        log: Callable[[str], None],
    ) -> None:
        self.known: Dict[Tuple[str, ...], float] = {}
        self._measure = measure
        self._most = most
        self._log = log
        self._start = time.monotonic()

    def __call__(self, path: Path) -> float:
        key = tuple(path.values())
        if key not in self.known:
            value = self._measure(path)
            # It would compare as neither greater nor less.
            self.known[key] = -math.inf if math.isnan(value) else value
            if len(self.known) % max(1, self._most // LINES) == 0:
                self._tell(len(self.known))
        return self.known[key]

    def _tell(self, done: int) -> None:
        seconds = (time.monotonic() - self._start) / done * (self._most - done)
        self._log(
            f'Measured {done} of at most {self._most} paths, the best has '
            f'{max(self.known.values()):.4f}; at most '
            f'{timedelta(seconds=round(seconds))} left.'
        )
