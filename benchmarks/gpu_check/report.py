"""The table of the check, and its place in the documentation."""

import json
import shutil
from pathlib import Path
from typing import Any

from ..output import DOCS, RESULTS, table, write_tables

PAGE = DOCS / 'performance.md'


def report(results: dict[str, Any]) -> str:
    """All that was found, as Markdown.

    Args:
        results (dict): From ``run_steps``.
    """
    rows = [
        [step['title'], step['status'], f'{step["seconds"]:.0f}', cell(step['found'])]
        for step in results.values()
    ]
    parts = [table(['check', 'result', 's', 'what was found'], rows)]
    parts += results.get('projection', {}).get('tables', {}).values()
    return '\n\n'.join(parts)


def cell(text: str) -> str:
    """Text that a cell of a table can have."""
    return text.replace('|', '/').replace('\n', ' ')


def write_page(file: Path, page: Path = PAGE, kept: Path = RESULTS) -> None:
    """Puts the table of a check into its page, and keeps its result.

    Args:
        file (Path): ``gpu_check.json`` of a check.
        page (Path): The page.
        kept (Path): Folder of results.
    """
    result = json.loads(file.read_text())
    if result['small']:
        raise SystemExit(
            f'error: {file} is of a dry run, which shows nothing of a GPU.'
        )
    write_tables(page, dict(gpu=report(result['steps'])))
    if file.resolve() != (kept / file.name).resolve():
        shutil.copy(file, kept / file.name)
