"""The table of what each part of a search earns."""

from typing import Any

import numpy as np

from ..output import table
from . import quality
from .statistics import Truth, mean_interval
from .tables import Search, select

PLAIN = 'nothing: the plain search'


def levers_table(searches: list[Search], whole: Truth) -> str:
    """``additive`` with one thing changed, beside itself, under each limit."""
    head = ['changed']
    for limit in quality.PULLED_LIMITS:
        within = 'no limit' if limit is None else f'{limit} MFLOPs'
        head += [f'{within}: accuracy, %', 'minus the plain search', 'regret', 'MFLOPs']
    rows = []
    for lever in ('plain', *quality.LEVERS):
        row: list[Any] = [PLAIN if lever == 'plain' else lever.replace('-', ' ')]
        for limit in quality.PULLED_LIMITS:
            row += _cells(searches, whole, limit, lever)
        rows.append(row)
    return table(head, rows)


def _cells(
    searches: list[Search], whole: Truth, limit: float | None, lever: str
) -> list[Any]:
    def of(variant: str) -> list[Search]:
        found = select(searches, method=quality.PULLED, limit=limit, variant=variant)
        return sorted(found, key=lambda run: run['seed'])

    runs = of(lever)
    pairs = zip(runs, of('plain'), strict=True)
    gains = [run['accuracy'] - plain['accuracy'] for run, plain in pairs]
    regrets = [whole.regret(run['child'], limit) for run in runs]
    return [
        f'{np.mean([run["accuracy"] for run in runs]):.2f}',
        '' if lever == 'plain' else mean_interval(gains),
        f'{np.mean(regrets):.2f}',
        f'{np.mean([run["mflops"] for run in runs]):.3f}',
    ]
