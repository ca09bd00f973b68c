import io
from typing import Any, Dict, List

from rich import box
from rich.console import Console
from rich.table import Table


def child_table(meta: Dict[str, Any], algorithm, files: List[str]) -> str:
    """The end of a search at a glance.

    Args:
        meta (dict): ``meta`` of a child's checkpoint.
        algorithm (DSNAS): The search it came from.
        files (list[str]): Where the child is.

    Returns:
        str: The child block by block with its costs, then accuracy and files.
    """
    mutator, costs = algorithm.mutator, algorithm.cost_table
    child, confidence = mutator.derive_child(), mutator.confidence()
    table = Table(box=box.SIMPLE)
    table.add_column('block')
    table.add_column('candidate')
    for column in ('probability', 'MFLOPs', 'M parameters'):
        table.add_column(column, justify='right')
    group_of = {b: g for g, blocks in costs.groups.items() for b in blocks}
    for name, _ in algorithm.architecture.named_modules():
        if name in group_of:
            choice = child[group_of[name]]
            cost = costs.blocks[name][choice]
            table.add_row(
                name,
                choice,
                f'{confidence[group_of[name]]:.3f}',
                f'{cost.flops:.3f}',
                f'{cost.params:.3f}',
            )
    table.add_section()
    table.add_row(
        'the rest',
        '',
        '',
        f'{costs.fixed_part.flops:.3f}',
        f'{costs.fixed_part.params:.3f}',
    )
    table.add_row('child', '', '', f'{meta["mflops"]:.3f}', f'{meta["mparams"]:.3f}')
    text = io.StringIO()
    Console(file=text, width=100).print(table)
    for name, value in (meta.get('metrics') or {}).items():
        text.write(f'  {name}: {value:.2f}\n')
    for path in files:
        text.write(f'  {path}\n')
    return text.getvalue()
