import io
import statistics
from typing import Any, Dict, Iterable, List, Mapping, Optional, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from mmdsnas.models.cost import Cost, CostTable
from mmdsnas.subnets import how_it_ended

WORDS = ('stage', 'block', 'candidate')
COSTS = dict(mflops='MFLOPs', mparams='M parameters', latency_ms='ms')


def stage_table(
    title: str,
    by_stage: Dict[str, List[Cost]],
    whole: List[Cost],
    columns: List[str],
) -> str:
    """Cost of a network stage by stage.

    Args:
        title (str): What is counted.
        by_stage (dict[str, list[Cost]]): By stage, one cost for each column.
        whole (list[Cost]): Those of the whole network.
        columns (list[str]): What the columns of MFLOPs count.
    """

    def row(name: str, costs: List[Cost]) -> List[str]:
        return [name, *_digits([costs[0].params, *(cost.flops for cost in costs)])]

    rows = [row(*item) for item in by_stage.items()]
    head = ['stage', 'M parameters', *columns]
    return _table(head, rows, [row('in all', whole)], title)


def child_table(meta: Dict[str, Any], files: List[str]) -> str:
    """The end of a search at a glance.

    Args:
        meta (dict): ``meta`` of a child's checkpoint.
        files (list[str]): Where the child is.

    Returns:
        str: Whether the search is done, the child block by block with its costs, then
        metrics and files.
    """
    costs = [key for key in COSTS if key in meta]
    whole, blocks = [meta[key] for key in costs], meta['blocks']
    rest = [n - sum(b[key] for b in blocks.values()) for n, key in zip(whole, costs)]
    rows = [
        [name, b['candidate'], *_digits([b['probability'], *map(b.get, costs)])]
        for name, b in blocks.items()
    ]
    foot = [
        ['the rest', '', '', *_digits(map(abs, rest))],
        ['child', '', '', *_digits(whole)],
    ]
    head = ['block', 'candidate', 'probability', *map(COSTS.get, costs)]
    tested = {f'test: {k}': v for k, v in (meta.get('test_metrics') or {}).items()}
    lines = [*metric_lines({**(meta.get('metrics') or {}), **tested}), *files]
    ended = how_it_ended(meta)
    return (
        (f'{ended}\n' if ended else '')
        + _table(head, rows, foot)
        + ''.join(f'  {line}\n' for line in lines)
    )


def latency_table(costs: CostTable) -> str:
    """Measured latencies beside MFLOPs, in the order of the blocks.

    Args:
        costs (CostTable): With latencies.
    """

    def numbers(cost: Cost) -> List[str]:
        return [f'{cost.latency:.4f}', f'{cost.flops:.3f}']

    rows = [
        ['' if k else block, choice, *numbers(cost)]
        for block, candidates in costs.blocks.items()
        for k, (choice, cost) in enumerate(candidates.items())
    ]
    foot = [['the rest', '', *numbers(costs.fixed_part)]]
    return _table(['block', 'candidate', 'ms', 'MFLOPs'], rows, foot)


def error_table(paths: Sequence[Mapping[str, Any]]) -> str:
    """How far predicted latencies are from measured ones.

    Args:
        paths (Sequence[Mapping]): Each with ``measured_ms`` and ``predicted_ms``.

    Returns:
        str: Path by path, then the median and the largest absolute error, and the rank
        correlation.
    """
    # Its import would make every tool slower to start.
    from scipy.stats import kendalltau

    pairs = [(path['measured_ms'], path['predicted_ms']) for path in paths]
    errors = [100 * (predicted / measured - 1) for measured, predicted in pairs]
    rows = [
        [str(k), *_digits(pair, 4), f'{error:+.1f}']
        for k, (pair, error) in enumerate(zip(pairs, errors))
    ]
    # Of one path, or of equal times, there is no correlation.
    differ = all(len(set(column)) > 1 for column in zip(*pairs))
    tau = f'{kendalltau(*zip(*pairs)).statistic:.2f}' if differ else '-'
    sizes = [abs(error) for error in errors]
    return _table(['path', 'measured, ms', 'predicted, ms', 'error, %'], rows) + (
        f'  absolute error: median {statistics.median(sizes):.1f} %, '
        f'largest {max(sizes):.1f} %\n'
        f"  rank correlation (Kendall's tau): {tau}\n"
    )


def subnet_table(
    subnet: Mapping[str, str], probabilities: Optional[Mapping[str, float]] = None
) -> str:
    """A subnet at a glance.

    Args:
        subnet (Mapping[str, str]): Candidate by block.
        probabilities (Mapping[str, float], optional): Of these candidates.
    """
    if probabilities is None:
        return _table(['block', 'candidate'], subnet.items())
    rows = [[name, c, *_digits([probabilities[name]])] for name, c in subnet.items()]
    return _table(['block', 'candidate', 'probability'], rows)


def metric_lines(metrics: Dict[str, Any], digits: int = 2) -> List[str]:
    """Results of an evaluation, a line each; also those that are no numbers."""
    return [
        f'{name}: {value:.{digits}f}'
        if isinstance(value, (int, float))
        else f'{name}: {value}'
        for name, value in metrics.items()
    ]


def _digits(numbers: Iterable[float], digits: int = 3) -> List[str]:
    return [f'{number:.{digits}f}' for number in numbers]


def _table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    foot: Iterable[Sequence[str]] = (),
    title: Optional[str] = None,
) -> str:
    table = Table(box=box.SIMPLE, title=title, title_justify='left')
    for name in head:
        table.add_column(name, justify='left' if name in WORDS else 'right')
    for row in rows:
        table.add_row(*row)
    table.add_section()
    for row in foot:
        table.add_row(*row)
    text = io.StringIO()
    # In a notebook rich would show the table instead of writing it.
    Console(file=text, width=100, force_jupyter=False).print(table)
    return text.getvalue()
