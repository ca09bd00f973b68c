"""The table of searches beside the best network that one would make by hand."""

from typing import NamedTuple, Sequence

import numpy as np

from ..output import table
from ..own_images import rows as own_images
from . import quality
from .statistics import mean_interval
from .tables import Search, select

HEAD = (
    *('set', 'limit', 'best obvious network, alone', '%', 'MFLOPs'),
    *('search', '%', 'MFLOPs', 'search minus it', 'time of the search'),
)
# The search as it is by default, and the paper's.
SEARCHES = 'additive', 'dsnas'


class Runs(NamedTuple):
    """Trainings of one kind, by seed."""

    name: str
    accuracy: Sequence[float]
    mflops: Sequence[float]
    seconds: Sequence[float]


def obvious_table(searches: list[Search], photos: dict[str, dict]) -> str:
    """Each search, and beside it the most accurate of the obvious networks.

    Args:
        searches (list[dict]): Of the small space.
        photos (dict[str, dict]): Results of own photos, by name.
    """
    rows = []
    for limit in own_images.LIMITS:
        search, *others = [
            _of_photos(row, limit, photos)
            for row in own_images.ROWS
            if row is own_images.ROWS[0] or row in own_images.OBVIOUS
        ]
        # All were planned to take as long; the machine had other work besides.
        cells = _row('photos', f'{limit} of the whole network', others, search)
        rows.append([*cells[:-1], '1 (as planned)'])
    for limit in quality.LIMITS:
        found = [
            _runs(
                f'{name} everywhere',
                select(searches, method=quality.ALONE, variant=name),
            )
            for name in quality.CANDIDATES
        ]
        within = [r for r in found if limit is None or max(r.mflops) <= limit]
        for method in SEARCHES:
            own = select(searches, method=method, limit=limit, variant='plain')
            shown = 'none' if limit is None else f'{limit} MFLOPs'
            rows.append(_row('chain', shown, within, _runs(method, own)))
    return table(HEAD, rows)


def _row(name: str, limit: str, obvious: Sequence[Runs], search: Runs) -> list[str]:
    best = max(obvious, key=lambda runs: np.mean(runs.accuracy))
    ahead = np.subtract(search.accuracy, best.accuracy)
    cells = [name, limit]
    for runs in (best, search):
        cost = f'{np.mean(runs.mflops):.3g}'
        cells += [runs.name, f'{np.mean(runs.accuracy):.2f}', cost]
    ratio = np.mean(search.seconds) / np.mean(best.seconds)
    return [*cells, str(mean_interval(ahead)), f'{ratio:.2f}']


def _runs(name: str, runs: list[Search]) -> Runs:
    runs = sorted(runs, key=lambda run: run['seed'])
    seconds = [run['cpu_seconds'] / run['unit_seconds'] for run in runs]
    values = ([run[key] for run in runs] for key in ('accuracy', 'mflops'))
    return Runs(name, *values, seconds)


def _of_photos(row: own_images.Row, limit: str, photos: dict[str, dict]) -> Runs:
    names = (own_images.job_name(row, limit, seed) for seed in quality.SEEDS)
    runs = [photos[name] for name in names]
    accuracy = [100 * run['correct'] / run['images'] for run in runs]
    values = ([run[key] for run in runs] for key in ('mflops', 'seconds'))
    return Runs(row.name, accuracy, *values)
