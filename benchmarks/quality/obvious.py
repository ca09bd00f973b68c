"""The table of searches beside the best network that one would make by hand."""

from typing import Any, NamedTuple, Sequence

import numpy as np

from ..macro import report as macro_report
from ..macro.training import COMPARED, PROBABLE
from ..output import table
from ..own_images import rows as own_images
from ..starting import rows as first
from . import quality
from .statistics import difference
from .tables import Search, select

HEAD = (
    *('set', 'limit', 'best obvious network, alone', '%', 'MFLOPs'),
    *('search', '%', 'MFLOPs', 'search minus it', 'time, in trainings of it'),
)
# That of the starting configs, what they had before, and the paper's.
SEARCHES = 'additive', 'paired', 'dsnas'
# Of NAS-Bench-Macro, with the way in which the child is chosen.
OF_MACRO = (
    *(('uniform-elastic', PROBABLE), ('additive', COMPARED)),
    *(('paired', PROBABLE), ('dsnas', PROBABLE)),
)
LIMITS = [limit for limit in (*quality.LIMITS, *quality.SWEEP) if limit is not None]


class Runs(NamedTuple):
    """Trainings of one kind, in the order of their seeds."""

    name: str
    accuracy: Sequence[float]
    mflops: Sequence[float]
    seconds: Sequence[float]


def obvious_table(
    searches: list[Search],
    photos: dict[str, dict],
    macro: dict[str, Any],
    starting: dict[str, dict],
) -> str:
    """Each search, and beside it the most accurate of the obvious networks.

    Args:
        searches (list[dict]): Of the small space.
        photos (dict[str, dict]): Results of own photos, by name.
        macro (dict): Result file of the space of NAS-Bench-Macro.
        starting (dict[str, dict]): Results of the configs to start from, by name.
    """
    rows = []
    for limit in own_images.LIMITS[::-1]:
        obvious = [of_photos(row, limit, photos) for row in own_images.OBVIOUS]
        search = of_photos(own_images.ROWS[0], limit, photos)
        cells = compared(obvious, search)
        # All were planned to take as long; the machine had other work besides.
        shown = f'{limit} of the whole network'
        rows.append(['photos', shown, *cells[:-1], '1 (as planned)'])
    for images in first.SETS:
        done = {row: of_start(images, row, starting) for row in first.rows_of(images)}
        found = {row: runs for row, runs in done.items() if len(runs.accuracy)}
        obvious = [runs for row, runs in found.items() if row in first.OBVIOUS]
        for row, runs in found.items():
            if obvious and row not in first.OBVIOUS:
                rows.append([images, 'none', *compared(obvious, runs)])
    for limit in macro_report.LIMITS:
        best = macro['truth'][str(limit)]['best_by_hand']
        children = macro_report.children(macro['searches'], limit)
        for config, choice in OF_MACRO:
            if found := children.get((config, choice)):
                by_hand = of_children(best['path'], [best] * len(found))
                name = f'{config}, {choice}'
                cells = compared([by_hand], of_children(name, found))
                # Neither was trained here.
                rows.append(['macro', f'{limit} MFLOPs', *cells[:-1], '-'])
    alone = [
        runs_of(
            f'{name} everywhere', select(searches, method=quality.ALONE, variant=name)
        )
        for name in quality.CANDIDATES
    ]
    for limit in (None, *sorted(LIMITS, reverse=True)):
        shown = 'none' if limit is None else f'{limit} MFLOPs'
        obvious = [r for r in alone if limit is None or max(r.mflops) <= limit]
        for method in SEARCHES:
            found = select(searches, method=method, limit=limit, variant='plain')
            rows.append(['chain', shown, *compared(obvious, runs_of(method, found))])
    return table(HEAD, rows)


def compared(obvious: Sequence[Runs], search: Runs) -> list[Any]:
    """Cells of a search beside the most accurate of obvious networks."""
    best = max(obvious, key=lambda runs: np.mean(runs.accuracy))
    cells = []
    for runs in (best, search):
        cost = f'{np.mean(runs.mflops):.3g}'
        cells += [runs.name, f'{np.mean(runs.accuracy):.2f}', cost]
    ahead = difference(np.subtract(search.accuracy, best.accuracy))
    return [*cells, ahead, f'{np.mean(search.seconds) / np.mean(best.seconds):.2f}']


def runs_of(name: str, searches: list[Search]) -> Runs:
    """Searches of the small space; their time is in that of one training."""
    runs = sorted(searches, key=lambda run: run['seed'])
    seconds = [run['cpu_seconds'] / run['unit_seconds'] for run in runs]
    values = ([run[key] for run in runs] for key in ('accuracy', 'mflops'))
    return Runs(name, *values, seconds)


def of_children(name: str, children: list[dict[str, Any]]) -> Runs:
    """Networks of which others told the accuracy; their time is not known."""
    values = ([child[key] for child in children] for key in ('accuracy', 'mflops'))
    return Runs(name, *values, [1.0] * len(children))


def of_start(images: str, row: str, starting: dict[str, dict]) -> Runs:
    """Runs of a starting config; none while some are missing."""
    names = [first.name_of(images, row, seed) for seed in quality.SEEDS]
    runs = [starting[n] for n in names] if set(names) <= set(starting) else []
    keys = ('accuracy', 'mflops', 'seconds')
    return Runs(row, *([run[key] for run in runs] for key in keys))


def of_photos(row: own_images.Row, limit: str, photos: dict[str, dict]) -> Runs:
    """Trainings of a row of the table of own photos."""
    names = (own_images.job_name(row, limit, seed) for seed in quality.SEEDS)
    runs = [photos[name] for name in names]
    accuracy = [100 * run['correct'] / run['images'] for run in runs]
    values = ([run[key] for run in runs] for key in ('mflops', 'seconds'))
    return Runs(row.name, accuracy, *values)
