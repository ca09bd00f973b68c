import io
import statistics
from typing import Any, Dict, List, Mapping, Optional, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from mmdsnas.models.cost import COSTS, Amounts, CostTable
from mmdsnas.subnets import how_it_ended


def stage_table(
    title: str,
    by_stage: Dict[str, List[Amounts]],
    whole: List[Amounts],
    columns: List[str],
) -> str:
    """Cost of a network stage by stage.

    Args:
        title (str): What is counted.
        by_stage (dict[str, list[dict]]): By stage, one cost for each column.
        whole (list[dict]): Those of the whole network.
        columns (list[str]): What the columns of MFLOPs count.
    """
    table = Table(box=box.SIMPLE, title=title, title_justify='left')
    table.add_column('stage')
    for column in ('M parameters', *columns):
        table.add_column(column, justify='right')
    rows = [*by_stage.items(), ('in all', whole)]
    for name, costs in rows:
        numbers = [costs[0]['params'], *(cost['flops'] for cost in costs)]
        table.add_row(
            name,
            *(f'{number:.3f}' for number in numbers),
            end_section=name == list(by_stage)[-1],
        )
    return _text(table)


def child_table(meta: Dict[str, Any], files: List[str]) -> str:
    """The end of a search at a glance.

    Args:
        meta (dict): ``meta`` of a child's checkpoint.
        files (list[str]): Where the child is.

    Returns:
        str: Whether the search is done, the child block by block with its costs, then
        metrics and files.
    """
    table = Table(box=box.SIMPLE)
    table.add_column('block')
    table.add_column('candidate')
    costs = [cost for cost in COSTS.values() if cost.key in meta]
    for column in ('probability', *(cost.heading for cost in costs)):
        table.add_column(column, justify='right')
    rest = whole = [meta[cost.key] for cost in costs]
    for name, block in meta['blocks'].items():
        own = [block[cost.key] for cost in costs]
        rest = [total - part for total, part in zip(rest, own)]
        table.add_row(
            name,
            block['candidate'],
            f'{block["probability"]:.3f}',
            *(cost.shown(n) for cost, n in zip(costs, own)),
        )
    table.add_section()
    for name, of in (('the rest', map(abs, rest)), ('child', whole)):
        numbers = [cost.shown(n) for cost, n in zip(costs, of)]
        table.add_row(name, '', '', *numbers)
    ended = how_it_ended(meta)
    tested = {f'test: {k}': v for k, v in (meta.get('test_metrics') or {}).items()}
    lines = [*metric_lines({**(meta.get('metrics') or {}), **tested}), *files]
    text = _text(table) + ''.join(f'  {line}\n' for line in lines)
    return f'{ended}\n{text}' if ended else text


def _text(table: Table) -> str:
    text = io.StringIO()
    # In a notebook rich would show the table instead of writing it.
    Console(file=text, width=100, force_jupyter=False).print(table)
    return text.getvalue()


def cost_table(costs: CostTable) -> str:
    """The costs of all candidates, in the order of the blocks."""
    table = Table(box=box.SIMPLE)
    for column in ('block', 'candidate'):
        table.add_column(column)
    for name in costs.fixed_part:
        table.add_column(COSTS[name].heading, justify='right')
    for block, candidates in costs.blocks.items():
        for choice, own in candidates.items():
            first = block if choice == next(iter(candidates)) else ''
            table.add_row(first, choice, *(COSTS[n].shown(c) for n, c in own.items()))
    table.add_section()
    rest = costs.fixed_part.items()
    table.add_row('the rest', '', *(COSTS[n].shown(c) for n, c in rest))
    return _text(table)


def error_table(paths: Sequence[Mapping[str, Any]]) -> str:
    """How far predicted latencies are from measured ones.

    Args:
        paths (Sequence[Mapping]): Each with ``measured_ms`` and ``predicted_ms``.

    Returns:
        str: Path by path, then the median and the largest absolute error, and the rank
        correlation.
    """
    table = Table(box=box.SIMPLE)
    for column in ('path', 'measured, ms', 'predicted, ms', 'error, %'):
        table.add_column(column, justify='right')
    sizes = []
    for k, path in enumerate(paths):
        measured, predicted = path['measured_ms'], path['predicted_ms']
        error = 100 * (predicted / measured - 1)
        sizes.append(abs(error))
        table.add_row(str(k), f'{measured:.4f}', f'{predicted:.4f}', f'{error:+.1f}')
    return _text(table) + (
        f'  absolute error: median {statistics.median(sizes):.1f} %, '
        f'largest {max(sizes):.1f} %\n'
        f"  rank correlation (Kendall's tau): {_tau(paths)}\n"
    )


def _tau(paths: Sequence[Mapping[str, Any]]) -> str:
    # Its import would make every tool slower to start.
    from scipy.stats import kendalltau

    columns = [[p[name] for p in paths] for name in ('measured_ms', 'predicted_ms')]
    # Of one path, or of equal times, there is none.
    if min(len(set(column)) for column in columns) < 2:
        return '-'
    return f'{kendalltau(*columns).statistic:.2f}'


def subnet_table(
    subnet: Mapping[str, str], probabilities: Optional[Mapping[str, float]] = None
) -> str:
    """A subnet at a glance.

    Args:
        subnet (Mapping[str, str]): Candidate by block.
        probabilities (Mapping[str, float], optional): Of these candidates.
    """
    table = Table(box=box.SIMPLE)
    table.add_column('block')
    table.add_column('candidate')
    if probabilities is not None:
        table.add_column('probability', justify='right')
    for name, candidate in subnet.items():
        known = [] if probabilities is None else [f'{probabilities[name]:.3f}']
        table.add_row(name, candidate, *known)
    return _text(table)


def metric_lines(metrics: Dict[str, Any], digits: int = 2) -> List[str]:
    """Results of an evaluation, a line each; also those that are no numbers."""
    return [
        f'{name}: {value:.{digits}f}'
        if isinstance(value, (int, float))
        else f'{name}: {value}'
        for name, value in metrics.items()
    ]
