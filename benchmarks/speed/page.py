"""Puts the tables of the speed benchmark's result file into its pages."""

import json
from pathlib import Path
from typing import Any

from ..output import DOCS, RESULTS, table, write_tables
from .projection import projection
from .report import MIB, described, tables

FILE = RESULTS / 'speed_cpu.json'
PAGE = DOCS / 'performance.md'
DATA_PAGE = DOCS / 'user_guides' / 'data_speed.md'
# Sections that it has.
OF_DATA = ('data', 'kept')


def page_tables(file: Path = FILE) -> dict[str, str]:
    """The tables of a file with all sections, by name.

    Args:
        file (Path): What ``bench.py`` wrote.
    """
    result = json.loads(file.read_text())
    return dict(
        tables(result),
        machine=described(result),
        projection=projection(result['sections']),
        targets=targets(result['sections']),
    )


def targets(sections: dict[str, Any]) -> str:
    """What the project wants of a step on the CPU, beside what was measured.

    Args:
        sections (dict): Of one result.
    """
    ratios = {n: each['wall'][0] for n, each in sections['steps']['ratios'].items()}
    memory = sections['memory']
    peak, limit = memory['variants']['search']['peak'] / MIB, memory['limit'] / MIB
    *_, many = sections['candidates']['rows']
    flat = f'a step with {many["size"]} candidates per block, in those with 2'
    rows = [
        ('a search step, in plain steps', '<= 1.05', ratios['search / plain']),
        (
            'a finetune step, in those of its child alone',
            '<= 1.02',
            ratios['finetune / its child'],
        ),
        ("MMRazor's step, in search steps", '>= 1.4', ratios['mmrazor / search']),
        ('in the Runner, in bare steps', '<= 1.03', sections['runner']['ratio'][0]),
        (flat, '0.95 to 1.05', many['ratio'][0]),
    ]
    return table(
        ['', 'target', 'measured'],
        [
            *([what, target, f'{value:.3f}'] for what, target, value in rows),
            ['peak memory of a search step', f'<= {limit:.0f} MiB', f'{peak:.0f} MiB'],
        ],
    )


def main() -> None:
    found = page_tables()
    write_tables(DATA_PAGE, {name: found.pop(name) for name in OF_DATA})
    write_tables(PAGE, found)
    print('\n\n'.join(f'{name}\n\n{text}' for name, text in found.items()))


if __name__ == '__main__':
    main()
