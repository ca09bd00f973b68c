import io
from typing import Any, Iterable, Mapping, Sequence

from rich import box
from rich.console import Console
from rich.table import Table

from mmdsnas.models.cost import COSTS, Amounts, CostTable, prediction_errors
from mmdsnas.subnets import how_it_ended
from .predictions import FrontRow

BLOCK = ['block', 'candidate']


def _table(
    head: Sequence[str],
    rows: Iterable[Sequence[str]],
    foot: Iterable[Sequence[str]] = (),
    words: int = len(BLOCK),
    title: str | None = None,
    width: int = 100,
) -> str:
    """A table as text, whose first columns hold words and all others numbers."""
    table = Table(box=box.SIMPLE, title=title, title_justify='left')
    for k, name in enumerate(head):
        table.add_column(name, justify='left' if k < words else 'right')
    for row in rows:
        table.add_row(*row)
    table.add_section()
    for row in foot:
        table.add_row(*row)
    text = io.StringIO()
    # In a notebook rich would show the table instead of writing it.
    Console(file=text, width=width, force_jupyter=False).print(table)
    return text.getvalue()


def stage_table(
    title: str,
    by_stage: dict[str, list[Amounts]],
    whole: list[Amounts],
    columns: list[str],
) -> str:
    """Costs of the stages of a network, and of the whole, by columns of MFLOPs."""

    def row(name: str, costs: list[Amounts]) -> list[str]:
        numbers = [costs[0]['params'], *(cost['flops'] for cost in costs)]
        return [name, *(f'{number:.3f}' for number in numbers)]

    head, rows = ['stage', 'M parameters', *columns], by_stage.items()
    return _table(head, [row(*r) for r in rows], [row('in all', whole)], 1, title)


def child_table(meta: dict[str, Any], files: list[str]) -> str:
    """The end of a search at a glance, from the ``meta`` of a child's checkpoint.

    Whether the search is done, the child block by block with its costs, then metrics
    and the files where it is.
    """
    costs = [cost for cost in COSTS.values() if cost.key in meta]
    rest = whole = [meta[cost.key] for cost in costs]
    rows = []
    for name, block in meta['blocks'].items():
        own = [block[cost.key] for cost in costs]
        rest = [total - part for total, part in zip(rest, own)]
        probability = f'{block["probability"]:.3f}'
        rows.append([name, block['candidate'], probability, *_shown(costs, own)])
    # A peak is no sum, of which something would be left.
    besides = ['' if cost.peak else cost.shown(abs(n)) for cost, n in zip(costs, rest)]
    foot = [
        ['the rest', '', '', *besides],
        ['child', '', '', *_shown(costs, whole)],
    ]
    text = _table([*BLOCK, 'probability', *(c.heading for c in costs)], rows, foot)
    tested = {f'test: {k}': v for k, v in (meta.get('test_metrics') or {}).items()}
    lines = [*metric_lines({**(meta.get('metrics') or {}), **tested}), *files]
    text += ''.join(f'  {line}\n' for line in lines)
    ended = how_it_ended(meta)
    return f'{ended}\n{text}' if ended else text


def front_table(rows: Sequence[FrontRow]) -> str:
    """The children of several limits, a line each."""
    costs = [c for c in COSTS.values() if rows[0].costs.get(c.key) is not None]
    head = ['limit', 'child', 'pixels', *(c.heading for c in costs), 'accuracy, %']
    in_int8 = any(row.int8_accuracy is not None for row in rows)
    head += ['in int8, %'] * in_int8
    lines = []
    for row in rows:
        percent = '' if row.accuracy is None else f'{row.accuracy:.2f}'
        if row.lower is not None:
            percent += f' ({row.lower:.2f} to {row.upper:.2f})'
        amounts = [row.costs[cost.key] for cost in costs]
        size = '' if row.input_size is None else str(row.input_size)
        cells = [row.limit, row.file, size, *_shown(costs, amounts), percent]
        if in_int8:
            known = row.int8_accuracy is not None
            cells.append(f'{row.int8_accuracy:.2f}' if known else '')
        lines.append(cells)
    # Names of files are not to be cut.
    return _table(head, lines, width=140)


def cost_table(table: CostTable) -> str:
    """The costs of all candidates, in the order of the blocks."""
    costs = [COSTS[name] for name in table.fixed_part]
    rows = []
    for block, candidates in table.blocks.items():
        names = [block] + [''] * (len(candidates) - 1)
        for name, (choice, own) in zip(names, candidates.items()):
            rows.append([name, choice, *_shown(costs, own.values())])
    foot = [['the rest', '', *_shown(costs, table.fixed_part.values())]]
    return _table([*BLOCK, *(cost.heading for cost in costs)], rows, foot)


def _shown(costs: Iterable[Any], amounts: Iterable[float]) -> list[str]:
    return [cost.shown(amount) for cost, amount in zip(costs, amounts)]


def error_table(paths: Sequence[Mapping[str, Any]]) -> str:
    """How far ``predicted_ms`` of paths are from ``measured_ms``.

    Path by path, then the absolute errors and the rank correlation.
    """
    measured = [path['measured_ms'] for path in paths]
    predicted = [path['predicted_ms'] for path in paths]
    found = prediction_errors(measured, predicted)
    errors = [100 * (p / m - 1) for m, p in zip(measured, predicted)]
    rows = [
        [str(k), f'{m:.4f}', f'{p:.4f}', f'{error:+.1f}']
        for k, (m, p, error) in enumerate(zip(measured, predicted, errors))
    ]
    head = ['path', 'measured, ms', 'predicted, ms', 'error, %']
    # Of one path, or of equal times, there is none.
    tau = '-' if found.tau is None else f'{found.tau:.2f}'
    return _table(head, rows, words=0) + (
        f'  absolute error: median {found.median:.1f} %, mean {found.mean:.1f} %, '
        f'largest {found.largest:.1f} %\n'
        f"  rank correlation (Kendall's tau): {tau}\n"
    )


def subnet_table(
    subnet: Mapping[str, str], probabilities: Mapping[str, float] | None
) -> str:
    """A subnet, candidate by block, perhaps with their probabilities."""
    if probabilities is None:
        return _table(BLOCK, subnet.items())
    rows = [[*item, f'{probabilities[item[0]]:.3f}'] for item in subnet.items()]
    return _table([*BLOCK, 'probability'], rows)


def metric_lines(metrics: dict[str, Any], digits: int = 2) -> list[str]:
    """Results of an evaluation, a line each; also those that are no numbers."""
    return [
        f'{k}: {v:.{digits}f}' if isinstance(v, (int, float)) else f'{k}: {v}'
        for k, v in metrics.items()
    ]
