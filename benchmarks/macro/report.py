"""Tables of the searches in NAS-Bench-Macro's space, from the result file alone.

Reads benchmarks/results/macro.json, writes the tables into docs/en/quality.md.
"""

import json
from typing import Any, Iterable

import numpy as np

from ..output import DOCS, table, write_tables
from ..quality.statistics import difference
from .__main__ import FILE, WITHIN, WITHOUT
from .truth import LIMITS

PAGE = DOCS / 'quality.md'
HEAD = (
    *('child', 'seeds', 'MFLOPs', 'accuracy, %', 'behind the best'),
    *('minus the largest by hand', 'networks'),
)
OF_TRUTH = {
    'best': 'best of all',
    'best_by_sum': 'best by one sum of effects, fitted to all accuracies',
    'best_by_hand': 'best by hand',
    'largest_by_hand': 'largest by hand',
}

Result = dict[str, Any]


def children(
    searches: dict[str, Result], limit: float
) -> dict[tuple[str, str], list[Result]]:
    """Children within a limit, by the config and how they were chosen."""
    found: dict[tuple[str, str], list[Result]] = {}
    for config in (*WITHOUT, *WITHIN):
        for name, result in sorted(searches.items()):
            if name.rsplit('-', 2)[0] != config:
                continue
            for child in result['children']:
                if child['limit'] == limit:
                    found.setdefault((config, child['choice']), []).append(child)
    return found


def limit_table(searches: dict[str, Result], truth: Result, limit: float) -> str:
    """All children within a limit, below what one would make by hand."""
    best = truth['best']['accuracy']
    by_hand = truth['largest_by_hand']['accuracy']
    rows: list[list[Any]] = []
    for key, name in OF_TRUTH.items():
        network = truth[key]
        gain = f'{network["accuracy"] - by_hand:.2f}'
        rows.append([name, '', *_numbers([network], best), gain, network['path']])
    mean = truth['mean_accuracy']
    behind, gain = f'{best - mean:.2f}', f'{mean - by_hand:.2f}'
    rows.append(['random path', '', '', f'{mean:.2f}', behind, gain, ''])
    for (config, choice), found in children(searches, limit).items():
        gains = [child['accuracy'] - by_hand for child in found]
        paths = ', '.join(dict.fromkeys(child['path'] for child in found))
        name = f'{config}, {choice}'
        rows.append(
            [name, len(found), *_numbers(found, best), difference(gains), paths]
        )
    return table(HEAD, rows)


def _numbers(networks: list[Result], best: float) -> list[str]:
    accuracy = np.mean([network['accuracy'] for network in networks])
    mflops = np.mean([network['mflops'] for network in networks])
    return [f'{mflops:.1f}', f'{accuracy:.2f}', f'{best - accuracy:.2f}']


def ranking_table(searches: dict[str, Result]) -> str:
    """How well what a supernet says ranks the networks, as Kendall's tau."""
    rows = []
    for config in (*WITHOUT, *WITHIN):
        found = [r for n, r in searches.items() if n.rsplit('-', 2)[0] == config]
        for by in _names(result['ranking'] for result in found):
            taus = [r['ranking'][by] for r in found if by in r['ranking']]
            spread = f'{min(taus):.2f} to {max(taus):.2f}'
            rows.append([config, by, f'{np.mean(taus):.2f}', spread, len(taus)])
    head = ['supernet', 'what ranks', "Kendall's tau", 'from, to', 'searches']
    return table(head, rows)


def _names(dicts: Iterable[dict[str, float]]) -> list[str]:
    return list(dict.fromkeys(name for each in dicts for name in each))


def main() -> None:
    result = json.loads(FILE.read_text())
    searches, truth = result['searches'], result['truth']
    tables = {
        f'macro {limit}': limit_table(searches, truth[str(limit)], limit)
        for limit in LIMITS
    }
    tables['macro ranking'] = ranking_table(searches)
    write_tables(PAGE, tables)
    for name, content in tables.items():
        print(f'{name}\n\n{content}\n')


if __name__ == '__main__':
    main()
