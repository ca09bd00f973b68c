"""Writes the tables of own photos into the documentation."""

import json
from pathlib import Path

import numpy as np

from ..jobs import parser
from ..output import DOCS, table, write_json, write_tables
from ..quality.statistics import mean_interval
from .fronts import FRONTS
from .rows import FILE, LIMITS, OTHERS, ROWS, Row, job_name

PAGE = DOCS / 'quality.md'
HEAD = (
    *('network', 'seeds', 'pixels', 'MFLOPs', 'accuracy, %', 'search minus it'),
    'processor s',
)

FRONT_HEAD = (
    *('limit', 'seeds', 'MFLOPs', 'epochs', 'accuracy of its child, %'),
    *('of a run with this limit alone, %', 'difference'),
)
# A limit of the front, and the row that has it alone; within all of it nothing is
# searched.
ALONE = {
    '100%': (OTHERS[0], None),
    '50%': (ROWS[0], '50%'),
    '25.1%': (ROWS[0], '25.1%'),
}


def main() -> None:
    made = parser(__doc__, 'own_images')
    folder: Path = made.parse_args().folder
    results = json.loads(FILE.read_text()) if FILE.exists() else {}
    for file in folder.glob('*.json'):
        results[file.stem] = json.loads(file.read_text())
    write_json(FILE, results)
    tables = {
        f'own-images-{limit.partition(".")[0].strip("%")}': limit_table(results, limit)
        for limit in LIMITS
    }
    fronts = json.loads(FRONTS.read_text()) if FRONTS.exists() else {}
    tables['fronts'] = front_table(fronts, results)
    write_tables(PAGE, tables)


def front_table(fronts: dict[str, dict], results: dict[str, dict]) -> str:
    """Each child of runs with several limits, beside that of a run with its limit."""
    lines = []
    for limit, (row, own) in ALONE.items():
        alone, found = _by_seed(results, row, own), {}
        for name, front in fronts.items():
            found[int(name.rpartition('-')[2])] = next(
                child for child in front['children'] if child['limit'] == limit
            )
        both = sorted(alone.keys() & found.keys())
        if not both:
            continue
        ahead = [_accuracy(found[seed]) - _accuracy(alone[seed]) for seed in both]
        lines.append(
            (
                *(limit, len(both)),
                _values(f'{found[seed]["mflops"]:.1f}' for seed in both),
                _values(found[seed]['epochs'] for seed in both),
                _mean([_accuracy(found[seed]) for seed in both]),
                _mean([_accuracy(alone[seed]) for seed in both]),
                _mean(ahead),
            )
        )
    return table(FRONT_HEAD, lines) if lines else 'Not measured yet.'


def limit_table(results: dict[str, dict], limit: str) -> str:
    """The rows of one limit, and the whole network, with intervals over seeds."""
    search = _by_seed(results, ROWS[0], limit)
    lines = []
    for row, own in [*((r, limit) for r in ROWS), *((r, None) for r in OTHERS)]:
        found = _by_seed(results, row, own)
        if not found:
            continue
        both = sorted(search.keys() & found.keys())
        ahead = [_accuracy(search[seed]) - _accuracy(found[seed]) for seed in both]
        lines.append(
            (
                row.name,
                len(found),
                _values(result['input_size'] for result in found.values()),
                _values(f'{result["mflops"]:.1f}' for result in found.values()),
                _mean([_accuracy(result) for result in found.values()]),
                '' if row is ROWS[0] else _mean(ahead),
                f'{np.mean([result["seconds"] for result in found.values()]):.0f}',
            )
        )
    return table(HEAD, lines) if lines else 'Not measured yet.'


def _mean(values: list[float]) -> str:
    """With its interval, where there are several."""
    if len(values) > 1:
        return str(mean_interval(values))
    return f'{values[0]:.2f}' if values else ''


def _by_seed(results: dict[str, dict], row: Row, limit: str | None) -> dict[int, dict]:
    names = {seed: job_name(row, limit, seed) for seed in range(len(results))}
    return {seed: results[name] for seed, name in names.items() if name in results}


def _accuracy(result: dict) -> float:
    return 100 * result['correct'] / result['images']


def _values(values) -> str:
    """Different values, of the seeds."""
    found = sorted(set(values), key=float)
    return str(found[0]) if len(found) == 1 else f'{found[0]} to {found[-1]}'


if __name__ == '__main__':
    main()
