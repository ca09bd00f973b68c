import errno
import os
import resource
import stat
from contextlib import contextmanager

import pytest

from mmdsnas.errors import OutputError
from mmdsnas.utils.files import (
    SUFFIX,
    check_writable,
    remove_leftovers,
    write_atomically,
)


def test_file_is_there_whole(tmp_path):
    path = tmp_path / 'folder' / 'file'
    with write_atomically(path) as temporary:
        temporary.write_text('new')
        assert not path.exists()
    assert path.read_text() == 'new'
    assert os.listdir(path.parent) == ['file']


def test_failure_keeps_the_old_file(tmp_path):
    path = tmp_path / 'file'
    path.write_text('old')
    with pytest.raises(KeyError), write_atomically(path) as temporary:
        temporary.write_text('half')
        raise KeyError('something else')
    assert path.read_text() == 'old'
    assert os.listdir(tmp_path) == ['file']


@contextmanager
def no_file_longer_than(size):
    """The kernel refuses what goes beyond, after it wrote the part before."""
    kept = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, kept[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, kept)


@pytest.mark.parametrize('step', [None, 'fsync', 'replace'])
def test_disk_that_is_full(tmp_path, monkeypatch, step):
    """Many file systems find room for a file only when it is synchronized."""
    path = tmp_path / 'file'
    path.write_text('old')

    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step:
        monkeypatch.setattr(os, step, full)
    reason = 'No space left on device' if step else 'File too large'
    message = f'^{path} cannot be written: {reason}.$'
    with no_file_longer_than(1000), pytest.raises(OutputError, match=message):
        with write_atomically(path) as temporary:
            temporary.write_bytes(bytes(500 if step else 2000))
    assert path.read_text() == 'old'
    assert os.listdir(tmp_path) == ['file']


def test_content_is_on_the_disk_before_its_name(tmp_path, monkeypatch):
    """And the name before the block ends; else a power cut could lose either."""
    path = tmp_path / 'file'
    done = []

    def note(step, name):
        real = getattr(os, step)
        monkeypatch.setattr(os, step, lambda *a: (done.append(name(*a)), real(*a)))

    kind = {True: 'folder', False: 'file'}
    note('fsync', lambda fd: kind[stat.S_ISDIR(os.fstat(fd).st_mode)])
    note('replace', lambda *_: 'rename')
    with write_atomically(path) as temporary:
        temporary.write_text('new')
    assert done == ['file', 'rename', 'folder']


def test_leftovers_of_killed_writers_alone_are_removed(tmp_path):
    killed = write_atomically(tmp_path / 'epoch_1.pth')
    leftover = killed.__enter__()
    leftover.write_text('half')
    others = [f'.epoch_1.pth.abcdefg{SUFFIX}', f'abc.abcdefgh{SUFFIX}', '.x.tmp']
    others.append(f'.epoch_1.pth.abcdefgh{SUFFIX}.pth')
    for name in others:
        (tmp_path / name).write_text('')
    (tmp_path / f'.folder.abcdefgh{SUFFIX}').mkdir()
    assert remove_leftovers(tmp_path) == [leftover]
    assert sorted(os.listdir(tmp_path)) == sorted(
        [*others, f'.folder.abcdefgh{SUFFIX}']
    )
    assert remove_leftovers(tmp_path / 'none') == []


def test_folder_is_tried_before_a_long_run(tmp_path):
    check_writable(tmp_path / 'a' / 'b', 'work_dir')
    assert os.listdir(tmp_path / 'a' / 'b') == []
    (tmp_path / 'file').write_text('')
    message = f'^work_dir must be a folder .* but is {tmp_path}/file: File exists.$'
    with pytest.raises(OutputError, match=message):
        check_writable(tmp_path / 'file', 'work_dir')
    with pytest.raises(OutputError, match='but is /proc/x: No such file or directory'):
        check_writable('/proc/x', 'work_dir')


def test_result_is_as_readable_as_any_file(tmp_path):
    with write_atomically(tmp_path / 'ours') as temporary:
        temporary.write_text('')
    (tmp_path / 'plain').write_text('')
    modes = {stat.S_IMODE((tmp_path / n).stat().st_mode) for n in ('ours', 'plain')}
    assert len(modes) == 1


def test_folder_that_cannot_be_written(tmp_path):
    (tmp_path / 'file').write_text('')
    path = tmp_path / 'file' / 'x.pth'
    with pytest.raises(OutputError, match='x.pth cannot be written: '):
        with write_atomically(path):
            pass
