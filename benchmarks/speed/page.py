"""Puts the tables of the speed benchmark's result file into its pages."""

import json
from pathlib import Path
from typing import Dict

from ..output import DOCS, RESULTS, write_tables
from .projection import projection
from .report import described, tables

FILE = RESULTS / 'speed_cpu.json'
PAGE = DOCS / 'performance.md'
DATA_PAGE = DOCS / 'user_guides' / 'data_speed.md'


def page_tables(file: Path = FILE) -> Dict[str, str]:
    """The tables of a file with all sections, by name.

    Args:
        file (Path): What ``bench.py`` wrote.
    """
    result = json.loads(file.read_text())
    return dict(
        tables(result),
        machine=described(result),
        projection=projection(result['sections']),
    )


def main() -> None:
    found = page_tables()
    write_tables(DATA_PAGE, dict(data=found.pop('data')))
    write_tables(PAGE, found)
    print('\n\n'.join(f'{name}\n\n{text}' for name, text in found.items()))


if __name__ == '__main__':
    main()
