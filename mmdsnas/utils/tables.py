import io
from typing import Any, Dict, List

from rich import box
from rich.console import Console
from rich.table import Table


def child_table(meta: Dict[str, Any], files: List[str]) -> str:
    """The end of a search at a glance.

    Args:
        meta (dict): ``meta`` of a child's checkpoint.
        files (list[str]): Where the child is.

    Returns:
        str: The child block by block with its costs, then metrics and files.
    """
    table = Table(box=box.SIMPLE)
    table.add_column('block')
    table.add_column('candidate')
    for column in ('probability', 'MFLOPs', 'M parameters'):
        table.add_column(column, justify='right')
    rest = [meta['mflops'], meta['mparams']]
    for name, block in meta['blocks'].items():
        cost = [block['mflops'], block['mparams']]
        rest = [total - part for total, part in zip(rest, cost)]
        table.add_row(
            name,
            block['candidate'],
            f'{block["probability"]:.3f}',
            *(f'{number:.3f}' for number in cost),
        )
    table.add_section()
    table.add_row('the rest', '', '', *(f'{abs(number):.3f}' for number in rest))
    table.add_row('child', '', '', f'{meta["mflops"]:.3f}', f'{meta["mparams"]:.3f}')
    text = io.StringIO()
    Console(file=text, width=100).print(table)
    text.writelines(f'  {line}\n' for line in metric_lines(meta.get('metrics') or {}))
    text.writelines(f'  {path}\n' for path in files)
    return text.getvalue()


def metric_lines(metrics: Dict[str, Any], digits: int = 2) -> List[str]:
    """Results of an evaluation, a line each; also those that are no numbers."""
    return [
        f'{name}: {value:.{digits}f}'
        if isinstance(value, (int, float))
        else f'{name}: {value}'
        for name, value in metrics.items()
    ]
