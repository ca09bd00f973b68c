"""The table of the paper's claims."""

from typing import Any, Callable

import numpy as np

from ..output import table
from . import quality
from .statistics import Interval, Truth, bootstrap_interval, kendall, mean_interval
from .tables import Search, select


def claims_table(searches: list[Search], whole: Truth) -> str:
    """The paper's claims at this size, each with a 95 % interval."""
    rows = []
    for method in quality.CLAIMED:
        runs = select(searches, method=method, variant='plain')
        rows.append(
            [
                'the child of the run is not worse than trained from scratch',
                method,
                'accuracy of the run minus the truth, points',
                mean_interval(
                    by_seed(runs, lambda run: run['accuracy'] - _true(whole, run))
                ),
                len(runs),
            ]
        )
    for method in (*quality.CLAIMED, 'spos'):
        runs = select(searches, method=method, variant='plain')
        if not runs:
            continue
        for name, what in (
            ('accuracy', 'at the end of the run'),
            ('accuracy_in_search', 'before the finetune stage'),
        ):
            rows.append(
                [
                    'accuracy in the run ranks children as retraining does',
                    method,
                    f"Kendall's tau of the accuracy {what} and the truth",
                    bootstrap_interval(
                        kendall,
                        [r[name] for r in runs],
                        [_true(whole, r) for r in runs],
                    ),
                    len(runs),
                ]
            )
    for run in select(searches, variant=quality.ALL_PATHS):
        rows.append(
            [
                'accuracy in the supernet ranks all paths as retraining does',
                f'{run["method"]}, seed {run["seed"]}',
                "Kendall's tau of the 81 paths at the end of the search stage, "
                'without early fixing',
                bootstrap_interval(kendall, run['paths'], whole.accuracy),
                1,
            ]
        )
    for variant in quality.VARIANTS:
        for method in quality.CLAIMED:
            rows.append(_variant(searches, method, variant))
    return table(['claim', 'method', 'what', 'value (95 % interval)', 'runs'], rows)


def by_seed(runs: list[Search], value: Callable[[Search], float]) -> list[float]:
    """Mean of a value over the runs of each seed, which have more than it in common."""
    seeds = sorted({run['seed'] for run in runs})
    return [float(np.mean([value(r) for r in runs if r['seed'] == s])) for s in seeds]


def _true(whole: Truth, run: Search) -> float:
    return whole.accuracy[whole.index(run['child'])]


def _variant(searches: list[Search], method: str, variant: str) -> list[Any]:
    plain = {
        run['seed']: run
        for run in select(searches, method=method, limit=None, variant='plain')
    }
    runs = select(searches, method=method, limit=None, variant=variant)
    gain: Interval = mean_interval(
        [run['accuracy'] - plain[run['seed']]['accuracy'] for run in runs]
    )
    what = 'accuracy of the child, minus that of the plain run, points'
    return [variant.replace('-', ' '), method, what, gain, len(runs)]
