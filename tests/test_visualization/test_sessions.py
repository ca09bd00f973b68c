"""Where the starts of a run begin, and what of their logs is left out."""

import math

import pytest

from mmdsnas.errors import DataError
from mmdsnas.visualization.sessions import read_starts
from tests.test_visualization.files import train, write_session

LOG = '2026/01/01 00:00:00 - Epoch(train)  [1][10/10]\n'


def by_iteration(*steps):
    return [dict(loss=1, iter=step, step=step) for step in steps]


@pytest.mark.parametrize(
    'lines, begin',
    [
        ([train(3, 10, loss=1)], 0),
        ([train(10, 10, loss=1)], 0),
        ([train(11, 10, loss=1)], 1),
        ([train(35, 10, loss=1), train(40, 10, loss=1)], 3),
        (by_iteration(10, 20, 30), 0),
        (by_iteration(510, 520), 500),
        (by_iteration(510), 509),
    ],
)
def test_begin(tmp_path, lines, begin):
    write_session(tmp_path, '20260101_0', lines, log=LOG)
    (session,) = read_starts(tmp_path).sessions
    assert session.begin == begin


def test_last_run_of_a_folder(tmp_path):
    def names():
        sessions, earlier, _ = read_starts(tmp_path)
        return [session.folder.name for session in sessions], earlier

    # A run whose beginning is elsewhere, a new one, and that one resumed.
    for name, steps, wanted in (
        ('a', (25, 30), (['a'], False)),
        ('b', (35, 40), (['a', 'b'], False)),
        ('c', (5, 10), (['c'], True)),
        ('d', (15, 20), (['c', 'd'], True)),
        ('e', (1,), (['e'], True)),
    ):
        lines = [train(step, 10, loss=1) for step in steps]
        write_session(tmp_path, name, lines, log=LOG)
        assert names() == wanted
    # What did not train is no run.
    write_session(tmp_path, 'f', [dict(acc=1, step=0)])
    assert names() == (['e'], True)


@pytest.mark.parametrize(
    'damaged',
    [
        '{"loss": 1, "epo',
        '[]',
        '{"loss": 1, "epoch": 1, "iter": 2}',
        f'{{"loss": 1, "epoch": 1, "iter": 2, "step": {"9" * 401}}}',
        f'{{"loss": 1, "epoch": {"9" * 401}, "iter": 2, "step": -1}}',
        '{"loss": 1, "epoch": NaN, "iter": 2, "step": 2}',
        '{"loss": 1, "epoch": 1, "iter": 2, "step": Infinity}',
        '{"loss": 1, "epoch": 1, "iter": 0, "step": 0}',
        '\udcff\x00',
        '[' * 100000,
    ],
)
def test_damaged_line_is_left_out_and_named(tmp_path, damaged):
    folder = write_session(tmp_path, '20260101_0', [train(1, 2, loss=1)] * 2)
    file = folder / 'vis_data' / 'scalars.json'
    first, _ = file.read_text().splitlines()
    text = '\n'.join([first, damaged, first])
    file.write_text(text, encoding='utf-8', errors='surrogateescape')
    (session,), _, left_out = read_starts(tmp_path)
    assert session.train == {1: train(1, 2, loss=1)}
    assert left_out == [f'damaged lines of {file}: 2']
    # An error where there is nothing else.
    file.write_text(f'{damaged}\n' * 9, encoding='utf-8', errors='surrogateescape')
    message = (
        r'no numbers of a training \(.*\): damaged lines of .*: 1, 2, 3, 4, 5, …\.$'
    )
    with pytest.raises(DataError, match=message):
        read_starts(tmp_path)


def test_numbers_that_fit_no_float(tmp_path):
    huge = 10**400
    lines = [train(1, 2, loss=huge, a=-huge, b=10**300, c=math.inf)]
    write_session(tmp_path, '20260101_0', lines)
    (session,) = read_starts(tmp_path).sessions
    assert session.train[1] == train(1, 2, b=10**300, c=math.inf)


def test_logs_that_cannot_be_read(tmp_path):
    """A start without its numbers is named, and the other ones are shown."""
    write_session(tmp_path, 'a', [train(5, 10, loss=1)], log=LOG)
    folder = write_session(tmp_path, 'b', [train(15, 10, loss=1)])
    # Folders cannot be read, by nobody.
    scalars, log = folder / 'vis_data' / 'scalars.json', folder / 'b.log'
    for file in (scalars, log):
        file.unlink()
        file.mkdir()
    sessions, _, left_out = read_starts(tmp_path)
    assert [session.folder.name for session in sessions] == ['a']
    assert left_out == [f'{f} cannot be read: Is a directory' for f in (log, scalars)]


def test_day_that_does_not_exist(tmp_path):
    log = '2026/02/31 00:00:00 - x\n2026/03/01 00:00:00 - y\n'
    write_session(tmp_path, 'a', [train(1, 1, loss=1)], log=log)
    (session,) = read_starts(tmp_path).sessions
    assert [time.day for time in session.times] == [1]
