"""Tables and pictures of the quality benchmark, from its result files alone.

Reads truth.json, quality.json, rewards.json and steps.json in benchmarks/results.
Writes the tables into docs/en/quality.md, each between two comments that name it, and
the pictures into docs/en/figures.
"""

import json
from typing import Any

import numpy as np

from ..macro.report import FILE as MACRO
from ..output import DOCS, table, write_tables
from ..own_images import rows as own_images
from ..starting import rows as first
from . import pictures, quality, rewards, steps, truth
from .claims import claims_table
from .levers import levers_table
from .obvious import obvious_table
from .statistics import Truth, mean_interval
from .tables import Search, select

PAGE = DOCS / 'quality.md'


def truth_table(whole: Truth, ceiling: dict[str, float]) -> str:
    """The search space at a glance."""
    near = sum(
        whole.regret(c, None) <= 2 * whole.standard_error for c in whole.children
    )
    rows = [
        ['children', len(whole.children)],
        ['accuracy', f'{whole.accuracy.min():.2f} to {whole.accuracy.max():.2f} %'],
        ['MFLOPs', f'{whole.mflops.min():.3f} to {whole.mflops.max():.3f}'],
        ['standard deviation of one training', f'{ceiling["sd"]:.2f} points'],
        ['two standard errors of a child', f'{2 * whole.standard_error:.3f} points'],
        ['children that near the best', near],
        ["Kendall's tau of the two seeds", f'{ceiling["kendall"]:.3f}'],
        ["Spearman's rho of the two seeds", f'{ceiling["spearman"]:.3f}'],
    ]
    front = [
        [
            '-'.join(whole.children[i]),
            f'{whole.mflops[i]:.3f}',
            f'{whole.accuracy[i]:.2f}',
        ]
        for i in whole.front()
    ]
    return (
        table(['truth', ''], rows)
        + '\n\nThe Pareto front:\n\n'
        + table(['child', 'MFLOPs', 'accuracy'], front)
    )


def quality_table(searches: list[Search], whole: Truth, limit: float | None) -> str:
    """All methods under one limit, below the networks that one would make by hand."""
    within = int(whole.within(limit).sum())
    head = [
        'method',
        'accuracy of the child, %',
        'its accuracy in the truth, %',
        'regret',
        f'rank of {within}',
        'good',
        'MFLOPs',
        'expected',
        'time',
    ]
    rows = []
    found = {
        f'{name} everywhere, alone': [
            run
            for run in select(searches, method=quality.ALONE, variant=name)
            if limit is None or run['mflops'] <= limit
        ]
        for name in quality.CANDIDATES
    }
    for method in quality.METHODS:
        found[method] = select(searches, method=method, limit=limit, variant='plain')
    for method, runs in found.items():
        if not runs:
            continue
        regrets = [whole.regret(run['child'], limit) for run in runs]
        ranks = sorted(whole.rank(run['child'], limit) for run in runs)
        good = sum(whole.is_good(run['child'], limit) for run in runs)
        true = [whole.accuracy[whole.index(run['child'])] for run in runs]
        rows.append(
            [
                method,
                mean_interval([run['accuracy'] for run in runs]),
                f'{np.mean(true):.2f}',
                mean_interval(regrets),
                ', '.join(map(str, ranks)),
                f'{good}/{len(runs)}',
                f'{max(run["mflops"] for run in runs):.3f}',
                _expected(runs, limit),
                f'{np.mean([r["cpu_seconds"] / r["unit_seconds"] for r in runs]):.2f}',
            ]
        )
    return table(head, rows)


def _expected(runs: list[Search], limit: float | None) -> str:
    """The largest expected cost at the end of the search stage."""
    ends = [run['expected_mflops'][-1] for run in runs if run['expected_mflops']]
    if not ends:
        return '-'
    return f'{max(ends):.3f}' + ('' if limit is None else f' ({max(ends) / limit:.0%})')


def limits_line(searches: list[Search]) -> str:
    """Whether all searches kept their limits."""
    limited = [s for s in searches if s['limit'] is not None]
    over = [s for s in limited if s['mflops'] > s['limit']]
    ends = [
        s['expected_mflops'][-1] / s['limit'] for s in limited if s['expected_mflops']
    ]
    late = sum(end > 1 + quality.MOST_EXCESS for end in ends)
    below = sum(end < 1 - quality.MUCH_BELOW for end in ends)
    return (
        f'{len(limited)} searches had a limit. The child was above it in {len(over)} '
        f'of them. At the end of the search stage the expected cost was more than '
        f'{quality.MOST_EXCESS:.0%} above it in {late} of {len(ends)}; the largest was '
        f'{max(ends):.1%} of the limit. In {below} it was more than '
        f'{quality.MUCH_BELOW:.0%} below.'
    )


def rewards_table(supernets: dict[str, dict[str, Any]]) -> str:
    """What the estimators' gradients know of the truth, block by block."""
    names = ('paper', 'score', 'paired', 'counterfactual')
    columns = [f'{what}: {name}' for what in ('cosine', 'steps') for name in names]
    rows = []
    for supernet in supernets.values():
        for name, block in supernet['blocks'].items():
            found = [block['estimators'][estimator] for estimator in names]
            rows.append(
                [
                    supernet['title'],
                    name,
                    f'{block["true_gradient"]:.1e}',
                    *map(_cosine, found),
                    *(
                        '-' if f['steps'] is None else f'{f["steps"]:.0f}'
                        for f in found
                    ),
                ]
            )
    return table(['supernet', 'block', 'true gradient', *columns], rows)


def steps_table(supernets: dict[str, dict[str, Any]]) -> str:
    """Time of a search step by estimator, in steps of the paper's."""
    names = next(iter(supernets.values()))
    rows = [
        [name, *(f'{rows[name]["ratio"]:.2f}' for rows in supernets.values())]
        for name in names
    ]
    return table(['estimator', *supernets], rows)


def _cosine(found: dict[str, Any]) -> str:
    """Bold where it is surely negative, in parentheses where its sign is not sure."""
    text, (low, high) = f'{found["cosine"]:.2f}', found['cosine_interval']
    if high < 0:
        return f'**{text}**'
    return text if low > 0 else f'({text})'


def main() -> None:
    known = json.loads(truth.FILE.read_text())
    whole = Truth(known['children'])
    tables = {'truth': truth_table(whole, known['noise_ceiling'])}
    if rewards.FILE.exists():
        tables['rewards'] = rewards_table(json.loads(rewards.FILE.read_text()))
    if steps.FILE.exists():
        tables['steps'] = steps_table(json.loads(steps.FILE.read_text()))
    if quality.FILE.exists():
        tables.update(_quality_tables(whole))
    write_tables(PAGE, tables)
    for name, content in tables.items():
        print(f'{name}\n\n{content}\n')


def _quality_tables(whole: Truth) -> dict[str, str]:
    """Tables of the searches; draws the pictures of them too."""
    result = json.loads(quality.FILE.read_text())
    searches, tables = result['searches'], {}
    photos = json.loads(own_images.FILE.read_text())
    macro = json.loads(MACRO.read_text())
    starting = json.loads(first.FILE.read_text())
    tables['obvious'] = obvious_table(searches, photos, macro, starting)
    for limit in quality.LIMITS:
        name = 'quality' if limit is None else f'quality {limit}'
        tables[name] = quality_table(searches, whole, limit)
    tables['limits'] = limits_line(searches)
    tables['levers'] = levers_table(searches, whole)
    tables['claims'] = claims_table(searches, whole)
    pictures.draw_front(whole, searches, DOCS / 'figures' / 'front.svg')
    pictures.draw_expected(searches, DOCS / 'figures' / 'expected.svg')
    return tables


if __name__ == '__main__':
    main()
