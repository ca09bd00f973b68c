"""The tables of the speed benchmark, of what it keeps as JSON."""

from typing import Any, Sequence

from ..output import table
from .data_report import data_tables, kept_table
from .parts import PARTS, WHOLE

MILLI, MIB = 1e3, 2**20
# In this order; files have them by the alphabet.
ORDER = (
    *('search', 'plain', 'mmrazor', 'official', 'finetune', 'finetuned child'),
    *('search, channels last', 'plain, channels last'),
)
TITLES = dict(
    steps='A training step',
    parts='Parts of a step',
    layouts='Channels last in memory',
    memory='Peak memory of a step',
    runner='A step inside the Runner',
    table='The cost table',
    candidates='Growth with the candidates per block',
    blocks='Growth with the blocks',
    ranks='Ranks on this CPU (gloo)',
    data='A data worker',
    kept='A data worker that keeps images',
)


def report(result: dict[str, Any]) -> str:
    """All tables of a result, as Markdown.

    Args:
        result (dict): ``machine``, ``workload``, ``effort`` and ``sections``.
    """
    lines = [described(result)]
    for name, content in tables(result).items():
        lines += [f'**{TITLES[name]}**', content]
    return '\n\n'.join(lines)


def described(result: dict[str, Any]) -> str:
    """One sentence on the machine and the workload of a result."""
    machine, load = result['machine'], result['workload']
    return (
        f'{machine["device"]}, {machine["threads"]} thread(s), torch '
        f'{machine["torch"]}; {load["config"]}, batch {load["batch_size"]}, '
        f'{load["image_size"]} x {load["image_size"]}, {load["dtype"]}. Medians, with '
        'quartiles in parentheses; ratios are of the same rounds.'
    )


def tables(result: dict[str, Any]) -> dict[str, str]:
    """The tables of a result's sections, in the order of ``TITLES``."""
    sections = result['sections']
    return {name: _TABLES[name](sections[name]) for name in TITLES if name in sections}


def spread(values: Sequence[float], scale: float = 1.0, digits: int = 3) -> str:
    """Median and quartiles.

    Args:
        values (Sequence[float]): As ``Quartiles`` has them.
        scale (float): Factor of what is shown.
        digits (int): After the point.
    """
    median, low, high = (f'{scale * value:.{digits}f}' for value in values)
    return f'{median} ({low} to {high})'


def _ordered(variants: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, variants[name]) for name in ORDER if name in variants]


def _by_second(ratio: tuple[str, Any]) -> tuple[int, str]:
    """What is compared with the plain step first."""
    name = ratio[0]
    order = ('plain', 'its child', 'search', '')
    return order.index(name.partition(' / ')[2]), name


def _milliseconds(values: Sequence[float]) -> str:
    return spread(values, MILLI, 1)


def _steps(found: dict[str, Any]) -> str:
    variants = [
        [
            name,
            _milliseconds(each['wall']),
            _milliseconds(each['cpu']),
            f'{each["images_per_second"]:.1f}',
        ]
        for name, each in _ordered(found['variants'])
    ]
    ratios = [
        [name, spread(each['wall']), spread(each['cpu'])]
        for name, each in sorted(found['ratios'].items(), key=_by_second)
    ]
    parts = [
        table(['step', 'ms', 'ms of CPU', 'images per second'], variants),
        table(['ratio', 'of times', 'of CPU times'], ratios),
    ]
    if 'idle' in found:
        parts.append(f'Share of the time that the GPU is idle: {found["idle"]:.1%}.')
    return '\n\n'.join(parts)


def _parts(found: dict[str, Any]) -> str:
    search, plain = found['search'], found['plain']
    rows = [
        [
            name,
            f'{MILLI * search[name]:.2f}',
            f'{MILLI * plain[name]:.2f}' if name in plain else '',
            f'{MILLI * (search[name] - plain.get(name, 0)):.2f}',
        ]
        for name in (*PARTS, WHOLE)
    ]
    return table(['ms of CPU', 'search', 'plain', 'difference'], rows)


def _memory(found: dict[str, Any]) -> str:
    rows = [
        [name, *(f'{each[key] / MIB:.0f}' for key in ('peak', 'weights', 'state'))]
        for name, each in _ordered(found['variants'])
    ]
    text = table(['step', 'peak MiB', 'weights', 'optimizer state'], rows)
    if 'limit' in found:
        text += (
            f'\n\nPlain peak, supernet, its optimizer state and 5 %: '
            f'{found["limit"] / MIB:.0f} MiB.'
        )
    return text


def _runner(found: dict[str, Any]) -> str:
    saved = found['checkpoint']
    rows = [
        ['inside, ms', _milliseconds(found['wall'])],
        ['bare, ms', _milliseconds(found['bare'])],
        ['ratio', spread(found['ratio'])],
        ['ratio of CPU times', spread(found['cpu_ratio'])],
        ['ratio of sums', f'{found["mean_ratio"]:.3f}'],
        ['ratio of sums of CPU times', f'{found["mean_cpu_ratio"]:.3f}'],
        ['checkpoint, s', f'{saved["seconds"]:.2f}'],
        ['checkpoint, MiB', f'{saved["bytes"] / MIB:.1f}'],
    ]
    return table(['', 'value'], rows)


def _table(found: dict[str, Any]) -> str:
    return f'{found["wall"]:.2f} s ({found["cpu"]:.2f} s of CPU), once per run.'


def _growth(found: dict[str, Any]) -> list[list[str]]:
    return [
        [
            f'{row["size"]}',
            _milliseconds(row['wall']),
            _milliseconds(row['cpu']),
            spread(row['ratio']),
            spread(row['cpu_ratio']),
            f'{row["memory"]["peak"] / MIB:.0f}',
            f'{(row["memory"]["weights"] + row["memory"]["state"]) / MIB:.0f}',
        ]
        for row in found['rows']
    ]


def _candidates(found: dict[str, Any]) -> str:
    return table(_growth_head('candidates', 'to the fewest'), _growth(found))


def _blocks(found: dict[str, Any]) -> str:
    return (
        table(_growth_head('blocks', 'to plain'), _growth(found))
        + f'\n\nLargest distance from a straight line: {found["off_line"]:.1%} '
        f'(CPU time {found["cpu_off_line"]:.1%}).'
    )


def _growth_head(what: str, ratio: str) -> list[str]:
    return [
        *(what, 'ms', 'ms of CPU', f'ratio {ratio}', 'of CPU times'),
        *('peak MiB', 'weights and state'),
    ]


def _ranks(found: dict[str, Any]) -> str:
    rows = [
        [num, name, _milliseconds(each['wall']), f'{each["bytes"] / MIB:.1f}']
        for num, steps in found.items()
        for name, each in steps.items()
    ]
    return table(['ranks', 'step', 'ms of the slowest', 'MiB exchanged'], rows)


_TABLES = dict(
    steps=_steps,
    parts=_parts,
    layouts=_steps,
    memory=_memory,
    runner=_runner,
    table=_table,
    candidates=_candidates,
    blocks=_blocks,
    ranks=_ranks,
    data=data_tables,
    kept=kept_table,
)
