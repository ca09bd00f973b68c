"""Which starts are the run, and what of their logs is left out."""

import math

import pytest

from mmdsnas.errors import DataError
from mmdsnas.visualization.sessions import EARLIER, read_starts
from tests.test_visualization.files import train, write_session


def test_last_run_of_a_folder(tmp_path):
    def names():
        sessions, left_out = read_starts(tmp_path)
        return [session.folder.name for session in sessions], left_out == [EARLIER]

    # A run whose beginning is elsewhere, a new one, and that one resumed.
    for name, start, wanted in (
        ('a', 2, (['a'], False)),
        ('b', 3, (['a', 'b'], False)),
        ('c', 0, (['c'], True)),
        ('d', 1, (['c', 'd'], True)),
        ('e', 0, (['e'], True)),
    ):
        write_session(tmp_path, name, [train(10 * start + 5, 10)], 10, start=start)
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
        '{"loss": 1, "epoch": 1, "iter": 2, "step": Infinity}',
        '{"loss": 1, "epoch": 1, "iter": 0, "step": 0}',
        '\udcff\x00',
        '[' * 100000,
    ],
)
def test_damaged_line_is_left_out_and_named(tmp_path, damaged):
    folder = write_session(tmp_path, '20260101_0', [train(1, 2, loss=1)], 2)
    file = folder / 'vis_data' / 'scalars.json'
    (first,) = file.read_text().splitlines()
    text = '\n'.join([first, damaged, first])
    file.write_text(text, encoding='utf-8', errors='surrogateescape')
    (session,), left_out = read_starts(tmp_path)
    assert session.train == {0.5: train(1, 2, loss=1)}
    assert left_out == [f'damaged lines of {file}: 2']
    # An error where there is nothing else.
    file.write_text(f'{damaged}\n' * 9, encoding='utf-8', errors='surrogateescape')
    with pytest.raises(DataError, match='no numbers of .*: 1, 2, 3, 4, 5, …'):
        read_starts(tmp_path)
    (folder / 'run.json').unlink()
    with pytest.raises(DataError, match=r'run.json of ReportHook, and .*\)\.$'):
        read_starts(tmp_path)


def test_what_is_no_number_is_left_out(tmp_path):
    """Nor is one that fits no float."""
    values = dict(note='x', flag=True, nothing=None, parts=[1])
    values.update(loss=10**400, a=-(10**400), b=10**300, c=math.inf)
    write_session(tmp_path, 'a', [train(1, 2, **values)], 2)
    (session,), _ = read_starts(tmp_path)
    assert session.train[0.5] == train(1, 2, b=10**300, c=math.inf)


@pytest.mark.parametrize('name', ['run.json', 'vis_data/scalars.json'])
def test_files_that_cannot_be_read(tmp_path, name):
    """A start is named, and the other ones are shown."""
    write_session(tmp_path, 'a', [train(5, 10, loss=1)], 10)
    file = write_session(tmp_path, 'b', [train(15, 10, loss=1)], 10, start=1) / name
    file.unlink()
    # Folders cannot be read, by nobody.
    file.mkdir()
    sessions, left_out = read_starts(tmp_path)
    assert [session.folder.name for session in sessions] == ['a']
    assert left_out == [f'{file} cannot be read: Is a directory']
