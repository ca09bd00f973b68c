"""What a run says of itself is read back, and nothing of it is run."""

import json
import math

import pytest

from mmdsnas.errors import DataError
from mmdsnas.visualization.run_record import RunRecord
from tests.test_visualization.files import write_session


def test_what_is_written_is_read(tmp_path):
    options = {'a': [1, (2.5, None)], 'b': {'c"[': True, '日': b'x'}, 7: math.inf}
    told = dict(config='a = "\n"', options={**options, 'file': 'x\udcff'})
    record = RunRecord.read(write_session(tmp_path, 'a', [], **told) / 'run.json')
    wanted = {'a': [1, [2.5, None]], 'b': {'c"[': True, '日': "b'x'"}, 'file': 'x?'}
    assert record.options == {**wanted, '7': math.inf}
    assert record.config == 'a = "\n"' and record.by_epoch is True


@pytest.mark.parametrize(
    'name, value',
    [
        ('begin', None),
        ('seconds', math.nan),
        ('by_epoch', 1),
        ('start', -1),
        ('done', 10**400),
        ('length', '1'),
        ('per_epoch', 0),
        ('plan', []),
        ('config', {}),
        ('options', 'x'),
    ],
)
def test_damaged_record(tmp_path, name, value):
    file = write_session(tmp_path, 'a', []) / 'run.json'
    file.write_text(json.dumps({**json.loads(file.read_text()), name: value}))
    with pytest.raises(DataError, match=f'run.json is damaged: .* {name}'):
        RunRecord.read(file)


@pytest.mark.parametrize('text', ['', '[]', '\0', '{"begin": ' + '[' * 99999])
def test_text_that_is_no_record(tmp_path, text):
    """Nor is anything so deep that it would end the process."""
    (tmp_path / 'run.json').write_text(text)
    with pytest.raises(DataError, match='run.json is damaged'):
        RunRecord.read(tmp_path / 'run.json')
