"""What the benchmark's tables say, as functions of plain numbers."""

from typing import Callable, NamedTuple, Sequence

import numpy as np
from scipy import stats

Child = tuple[str, ...]


class Interval(NamedTuple):
    """A number with its 95 % confidence interval.

    Attributes:
        value (float): The estimate.
        low (float): Lower end.
        high (float): Upper end.
    """

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f'{self.value:.2f} ({self.low:.2f} to {self.high:.2f})'


def mean_interval(values: Sequence[float]) -> Interval:
    """Mean of independent values, with Student's interval."""
    values = np.asarray(values, float)
    mean = values.mean()
    if len(values) < 2:
        return Interval(mean, float('-inf'), float('inf'))
    half = stats.t.ppf(0.975, len(values) - 1) * stats.sem(values)
    return Interval(mean, mean - half, mean + half)


def difference(values: Sequence[float]) -> str:
    """Mean of independent values, with its interval where there are several."""
    interval = mean_interval(values)
    return str(interval) if len(values) > 1 else f'{interval.value:.2f}'


def bootstrap_interval(
    statistic: Callable[..., float], *samples: Sequence[float], num: int = 2000
) -> Interval:
    """A statistic of paired samples, with the percentile bootstrap's interval.

    Args:
        statistic (callable): Takes the samples.
        *samples (Sequence[float]): Of one length; resampled together.
        num (int): Number of resamplings.
    """
    arrays = [np.asarray(sample) for sample in samples]
    generator = np.random.default_rng(0)
    size = len(arrays[0])
    drawn = []
    for _ in range(num):
        index = generator.integers(size, size=size)
        drawn.append(statistic(*(array[index] for array in arrays)))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Interval(statistic(*arrays), low, high)


def kendall(a: Sequence[float], b: Sequence[float]) -> float:
    """Kendall's tau-b; NaN where one of them is constant."""
    return float(stats.kendalltau(a, b).statistic)


class Truth:
    """Every child of the space, trained from scratch.

    Args:
        rows (list[dict]): ``children`` of the truth's file.
    """

    def __init__(self, rows: list[dict]) -> None:
        self.children: list[Child] = [tuple(row['child']) for row in rows]
        self.runs = np.array([row['accuracy'] for row in rows])
        self.accuracy = self.runs.mean(1)
        self.mflops = np.array([row['mflops'] for row in rows])
        # Of one child's mean over its seeds.
        self.standard_error = np.sqrt(
            self.runs.var(1, ddof=1).mean() / len(self.runs[0])
        )

    def index(self, child: Sequence[str]) -> int:
        """Place of a child in the arrays."""
        return self.children.index(tuple(child))

    def within(self, limit: float | None) -> np.ndarray:
        """Which children cost at most so many MFLOPs."""
        return (
            np.ones(len(self.mflops), bool) if limit is None else self.mflops <= limit
        )

    def best(self, limit: float | None) -> float:
        """Accuracy of the best child within a limit."""
        return self.accuracy[self.within(limit)].max()

    def regret(self, child: Sequence[str], limit: float | None) -> float:
        """Points of accuracy that a child is behind the best within a limit."""
        return self.best(limit) - self.accuracy[self.index(child)]

    def rank(self, child: Sequence[str], limit: float | None) -> int:
        """Place of a child among those within a limit, from 1."""
        better = self.accuracy > self.accuracy[self.index(child)]
        return 1 + int((better & self.within(limit)).sum())

    def is_good(self, child: Sequence[str], limit: float | None) -> bool:
        """Whether a child is as good as the best, as far as the truth can tell.

        That is within two standard errors of the best's accuracy, or in the top 10 %.
        """
        close = self.regret(child, limit) <= 2 * self.standard_error
        return bool(close or self.rank(child, limit) <= 0.1 * self.within(limit).sum())

    def front(self) -> np.ndarray:
        """Indices of the Pareto front of MFLOPs and accuracy, cheapest first."""
        order = np.lexsort((-self.accuracy, self.mflops))
        best = np.maximum.accumulate(self.accuracy[order])
        new = np.r_[True, best[1:] > best[:-1]]
        return order[new]
