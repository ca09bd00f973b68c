import sys

from mmdsnas.utils import progress as module
from mmdsnas.utils.progress import progress


def test_lines_where_there_is_no_terminal(monkeypatch):
    """Items of 4 s: a line after 12 s and 24 s, and none at the end."""
    said, now = [], [0.0]
    monkeypatch.setattr(module, 'print_log', lambda text, _: said.append(text))
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: False, raising=False)
    monkeypatch.setattr(module.time, 'monotonic', lambda: now[0])
    done = []
    for item in progress(range(9), 'Trying'):
        done.append(item)
        now[0] += 4
    assert done == list(range(9))
    assert said == [
        'Trying: 3 of 9, about 24 s left.',
        'Trying: 6 of 9, about 12 s left.',
    ]


def test_a_bar_on_a_terminal(monkeypatch, capsys):
    monkeypatch.setattr(sys.stderr, 'isatty', lambda: True, raising=False)
    assert list(progress('abc', 'Trying')) == ['a', 'b', 'c']
    assert capsys.readouterr().out == ''
