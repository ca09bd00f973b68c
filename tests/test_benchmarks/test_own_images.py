"""The tables of networks for own photos, from results that were written by hand."""

from benchmarks.own_images.report import front_table, limit_table
from benchmarks.own_images.rows import LIMITS, OTHERS, ROWS, job_name


def result(correct, mflops=8.0, size=48, seconds=300.0):
    return dict(
        correct=correct, images=200, mflops=mflops, input_size=size, seconds=seconds
    )


def test_rows_of_a_limit():
    """The search beside what it is held against, seed by seed."""
    limit, search, hand, (whole, _) = LIMITS[0], ROWS[0], ROWS[3], OTHERS
    results = {
        job_name(search, limit, 0): result(170),
        job_name(search, limit, 1): result(160, size=64),
        job_name(hand, limit, 0): result(150, mflops=7.85),
        job_name(hand, limit, 1): result(150, mflops=7.85),
        job_name(hand, LIMITS[1], 0): result(199),
        job_name(whole, None, 1): result(180, mflops=33.0, size=64, seconds=310.4),
    }
    head, _, *rows = limit_table(results, limit).splitlines()
    cells = [[cell.strip() for cell in row.strip('|').split('|')] for row in rows]
    assert [row[0] for row in cells] == [search.name, hand.name, whole.name]
    # 85 and 80 %: 12.71 standard errors of 2.5 either way.
    assert cells[0][1:6] == ['2', '48 to 64', '8.0', '82.50 (50.73 to 114.27)', '']
    assert cells[1][1:4] == ['2', '48', '7.8']
    assert cells[1][5] == '7.50 (-24.27 to 39.27)'
    assert cells[2][1:] == ['1', '64', '33.0', '90.00', '-10.00', '310']


def test_children_of_several_limits():
    """Each beside the run with its limit and its seed."""
    search, whole = ROWS[0], OTHERS[0]
    alone = {
        job_name(search, '50%', 0): result(170),
        job_name(search, '50%', 1): result(160),
        job_name(whole, None, 1): result(180),
    }

    def child(limit, correct):
        return {**result(correct), 'limit': limit, 'epochs': 9}

    fronts = {
        f'front-{seed}': dict(
            children=[child('100%', 182), child('50%', 168), child('25.1%', 100)]
        )
        for seed in (1, 4)
    }
    _, _, *rows = front_table(fronts, alone).splitlines()
    cells = [[cell.strip() for cell in row.strip('|').split('|')] for row in rows]
    assert cells == [
        ['100%', '1', '8.0', '9', '91.00', '90.00', '1.00'],
        ['50%', '1', '8.0', '9', '84.00', '80.00', '4.00'],
    ]


def test_names_of_jobs():
    names = [job_name(r, limit, 3) for r in (*ROWS, *OTHERS) for limit in LIMITS]
    assert len(set(names)) == len(names)
    assert names[0] == 'search-25.1-3'
