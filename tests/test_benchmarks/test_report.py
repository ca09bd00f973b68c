import itertools
import json
from pathlib import Path

import pytest

from benchmarks.macro import report as macro_report
from benchmarks.output import write_tables
from benchmarks.quality import levers, obvious, quality, report
from benchmarks.quality.statistics import Truth
from benchmarks.starting import rows as starting

CHILDREN = list(itertools.product('abc', repeat=2))
ROWS = [
    dict(child=list(child), mflops=1.0 + i, accuracy=[70.0 + i, 71.0 + i])
    for i, child in enumerate(CHILDREN)
]


def search(method='dsnas', limit=None, variant='plain', seed=0, place=0, **kwargs):
    return dict(
        method=method,
        limit=limit,
        variant=variant,
        seed=seed,
        child=list(CHILDREN[place]),
        mflops=1.0 + place,
        accuracy=72.0 + place,
        accuracy_in_search=50.0 + place,
        cpu_seconds=30.0,
        unit_seconds=20.0,
        expected_mflops=[9.0, 4.08],
        paths=[row['accuracy'][0] for row in ROWS],
        **kwargs,
    )


def row(text, name):
    (line,) = [line for line in text.splitlines() if line.startswith(f'| {name} |')]
    return [cell.strip() for cell in line.strip('|').split('|')]


def test_a_method_within_a_limit_by_hand():
    """Five children are within 5 MFLOPs; the best of them has 74.5 %."""
    runs = [search(limit=5.0, seed=s, place=p) for s, p in enumerate((2, 4, 4))]
    text = report.quality_table(runs, Truth(ROWS), 5.0)
    cells = row(text, 'dsnas')
    assert '| rank of 5 |' in text and 'paired' not in text
    assert cells[1].startswith('75.33 (')  # 74, 76, 76
    assert cells[2] == '73.83'  # 72.5, 74.5, 74.5
    assert cells[3].startswith('0.67 (')
    assert cells[4:] == ['1, 1, 3', '2/3', '5.000', '4.080 (82%)', '1.50']


def test_limits_by_hand():
    runs = [search(limit=4.0, place=p) for p in (2, 3, 3, 4)] + [search(place=8)]
    runs[0]['expected_mflops'] = []
    runs[1]['expected_mflops'] = [9.0, 4.2]
    runs[2]['expected_mflops'] = [9.0, 3.7]
    text = report.limits_line(runs)
    assert text.startswith(
        '4 searches had a limit. The child was above it in 1 of them.'
    )
    assert '2% above it in 1 of 3; the largest was 105.0% of the limit.' in text
    # 4.2, 3.7 and 4.08 of 4.
    assert text.endswith('In 1 it was more than 5% below.')


@pytest.mark.slow
def test_claims_by_hand():
    runs = [
        search(limit=limit, seed=seed, place=seed + i)
        for i, limit in enumerate(quality.LIMITS)
        for seed in range(3)
    ]
    runs += [
        search(variant=name, seed=s, place=s + 2)
        for name in quality.VARIANTS
        for s in range(3)
    ]
    runs += [search(variant=quality.ALL_PATHS)]
    runs += [{**run, 'method': 'paired'} for run in runs]
    text = report.claims_table(runs, Truth(ROWS))
    lines = [line for line in text.splitlines() if '| dsnas' in line]
    # A run's accuracy is 1.5 above the mean of the two seeds, everywhere.
    assert '| 1.50 (1.50 to 1.50) | 9 |' in lines[0]
    assert all('| 1.00 (1.00 to 1.00) |' in line for line in lines[1:4])
    assert all('| 2.00 (2.00 to 2.00) | 3 |' in line for line in lines[4:])
    assert len(lines) == 6 and 'no early fixing' in lines[4]


def test_levers_by_hand(monkeypatch):
    """Each changed search is two places further; a place is worth a point."""
    monkeypatch.setattr(quality, 'PULLED_LIMITS', (None, 9.0))
    runs = [
        search('additive', limit, name, seed, place=seed + 2 * (name != 'plain'))
        for limit in quality.PULLED_LIMITS
        for name in ('plain', *quality.LEVERS)
        for seed in (1, 0)
    ]
    lines = levers.levers_table(runs, Truth(ROWS)).splitlines()
    assert len(lines) == 3 + len(quality.LEVERS)
    # Of 78.5 %, the best of all, 71 % is what the two have on average.
    assert lines[2].startswith(
        '| nothing: the plain search | 72.50 |  | 7.50 | 1.500 | '
    )
    one = '| most probable path | 74.50 | 2.00 (2.00 to 2.00) | 5.50 | 3.500 | '
    assert lines[3].startswith(one)


def test_what_the_interval_says_of_a_cosine():
    assert (
        report._cosine(dict(cosine=-0.5, cosine_interval=(-0.9, -0.1))) == '**-0.50**'
    )
    assert report._cosine(dict(cosine=0.5, cosine_interval=(-0.1, 0.9))) == '(0.50)'
    assert report._cosine(dict(cosine=0.5, cosine_interval=(0.1, 0.9))) == '0.50'


def test_tables_take_their_places(tmp_path):
    page = tmp_path / 'page.md'
    page.write_text('a\n<!-- x -->\nold\n<!-- /x -->\nb\n<!-- y -->\n<!-- /y -->\n')
    for _ in range(2):
        write_tables(page, dict(x='new', y='other'))
        assert page.read_text() == (
            'a\n<!-- x -->\n\nnew\n\n<!-- /x -->\nb\n'
            '<!-- y -->\n\nother\n\n<!-- /y -->\n'
        )
    with pytest.raises(ValueError, match='has no <!-- z -->'):
        write_tables(page, dict(z='none'))


def test_the_page_has_every_table():
    text = report.PAGE.read_text()
    names = ['truth', 'quality', 'limits', 'claims', 'rewards', 'steps', 'levers']
    names += ['obvious', 'macro ranking', *(f'macro {n}' for n in macro_report.LIMITS)]
    names += [f'quality {limit}' for limit in quality.LIMITS if limit is not None]
    for name in names:
        content = text.split(f'<!-- {name} -->')[1].split(f'<!-- /{name} -->')[0]
        assert content.strip() and 'nan' not in content, name


def test_every_method_has_a_config_and_every_search_a_name():
    keys = quality.all_keys()
    assert len({quality.name_of(key) for key in keys}) == len(keys)
    folder = Path(quality.__file__).parent / 'configs' / 'methods'
    assert {file.stem for file in folder.glob('*.py')} == {
        *quality.METHODS,
        quality.ALONE,
    }


def test_published_results_are_taken_where_nothing_changed(tmp_path, monkeypatch):
    published = json.loads(quality.FILE.read_text())['searches']
    names = {quality.name_of(key): key for key in quality.all_keys()}
    kept = tmp_path / 'paired-none-plain-0.json'
    kept.write_text('{}')
    quality.restore(tmp_path, published)
    found = {file.stem for file in tmp_path.glob('*.json')}
    assert found == {n for n, key in names.items() if key[:3] != quality.UNIT}
    assert kept.read_text() == '{}'

    # Of other options, they are measured anew.
    changed = {'no-finetune-stage': {'model.finetune_epochs': 17}}
    monkeypatch.setattr(quality, 'VARIANTS', {**quality.VARIANTS, **changed})
    (tmp_path / 'other').mkdir()
    quality.restore(tmp_path / 'other', published)
    missing = found - {file.stem for file in tmp_path.glob('other/*.json')}
    assert missing == {n for n in found if 'no-finetune-stage' in n}


def test_a_search_beside_the_best_obvious_network():
    """Runs are paired by their seeds, in whatever order they come."""

    def runs(name, *accuracies, seconds):
        found = [
            search(seed=seed, place=1) | dict(accuracy=accuracy, cpu_seconds=seconds)
            for seed, accuracy in enumerate(accuracies)
        ]
        return obvious.runs_of(name, found[::-1])

    known = [
        runs('small', 70.0, 71.0, seconds=5),
        runs('large', 80.0, 90.0, seconds=10),
    ]
    cells = obvious.compared(known, runs('own', 81.0, 92.0, seconds=30))
    assert cells[:6] == ['large', '85.00', '2', 'own', '86.50', '2']
    # One and two points ahead.
    assert cells[6] == f'1.50 ({1.5 - 12.706 / 2:.2f} to {1.5 + 12.706 / 2:.2f})'
    assert cells[7] == '3.00'


def test_runs_of_a_starting_config_count_once_all_are_there():
    row = starting.SEARCH
    done = {
        starting.name_of('digits', row, seed): dict(
            accuracy=90.0 + seed, mflops=2.0, seconds=100.0
        )
        for seed in quality.SEEDS
    }
    found = obvious.of_start('digits', row, done)
    assert found.accuracy == [90.0, 91.0, 92.0, 93.0, 94.0]
    assert found.seconds == [100.0] * 5
    done.popitem()
    assert obvious.of_start('digits', row, done).accuracy == []
    # Each of these trains the network that it is named after.
    for name in starting.OBVIOUS:
        options = starting.ROWS[name]
        hook = options['default_hooks.hand_made']
        assert name == f'{hook["network"]} everywhere'
        assert options['model.finetune_epochs'] == 0


def test_whoever_ranks_all_paths_fixes_none_of_their_blocks():
    """The accuracy of a path would be that of what is fixed."""
    for key in quality.all_keys():
        _, (_, _, options, all_paths) = quality.job_of(key)
        if all_paths:
            assert options['model.mutator.fix_threshold'] is None
