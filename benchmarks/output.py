"""What benchmarks write: result files, and tables of them in pages."""

import json
from pathlib import Path
from typing import Any, Sequence

RESULTS = Path(__file__).parent / 'results'
DOCS = Path(__file__).parents[1] / 'docs' / 'en'


def write_json(path: Path, content: Any) -> None:
    """Writes a file of sorted lines, whole or not at all."""
    # Late: a table needs nothing but Python, see benchmarks/gpu_check.
    from mmdsnas.utils.files import write_atomically

    with write_atomically(path) as temporary:
        temporary.write_text(json.dumps(content, indent=1, sort_keys=True) + '\n')


def table(head: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    """A Markdown table."""
    lines = [head, ['---'] * len(head), *rows]
    return '\n'.join('| ' + ' | '.join(map(str, line)) + ' |' for line in lines)


def write_tables(page: Path, tables: dict[str, str]) -> None:
    """Puts tables between their comments in a page.

    Args:
        page (Path): Has ``<!-- NAME -->`` and ``<!-- /NAME -->`` for each.
        tables (dict[str, str]): By name.

    Raises:
        ValueError: The page has no place for a table.
    """
    from mmdsnas.utils.files import write_atomically

    text = page.read_text()
    for name, content in tables.items():
        begin, end = f'<!-- {name} -->\n', f'<!-- /{name} -->'
        before, found, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if not found or not closed:
            raise ValueError(f'{page} has no {begin.strip()} ... {end}.')
        text = f'{before}{begin}\n{content}\n\n{end}{after}'
    with write_atomically(page) as temporary:
        temporary.write_text(text)
