import os
import stat

import pytest

from mmdsnas.errors import OutputError
from mmdsnas.utils.files import write_atomically


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
    with pytest.raises(OSError), write_atomically(path) as temporary:
        temporary.write_text('half')
        raise OSError('disk full')
    assert path.read_text() == 'old'
    assert os.listdir(tmp_path) == ['file']


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
