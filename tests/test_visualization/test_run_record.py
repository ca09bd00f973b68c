"""What a run says of itself is read back, and nothing of it is run."""

import json
import math

import pytest

from mmdsnas.errors import DataError
from mmdsnas.visualization.run_record import MAX_DEPTH, RunRecord, parsed
from tests.test_visualization.files import write_session


def test_what_is_written_is_read(tmp_path):
    options = {'a': [1, (2.5, None)], 'b': {'c"[': True, '日\udcff': b'x'}, 7: math.inf}
    folder = write_session(tmp_path, 'a', [], config='a = "\n"', options=options)
    record = RunRecord.read(folder / 'run.json')
    wanted = {'a': [1, [2.5, None]], 'b': {'c"[': True, '日\udcff': "b'x'"}}
    assert record.options == {**wanted, '7': math.inf}
    assert record.config == 'a = "\n"' and record.by_epoch is True


@pytest.mark.parametrize(
    'name, value',
    [
        ('begin', None),
        ('seconds', 'NaN'),
        ('by_epoch', 1),
        ('start', -1),
        ('done', '9' * 401),
        ('length', '1'),
        ('per_epoch', 0),
        ('plan', []),
        ('config', {}),
        ('options', 'x'),
    ],
)
def test_damaged_record(tmp_path, name, value):
    file = write_session(tmp_path, 'a', []) / 'run.json'
    text = json.dumps({**json.loads(file.read_text()), name: value})
    # Numbers that json.dumps would not write.
    for number in ('NaN', '9' * 401):
        text = text.replace(f'"{number}"', number)
    file.write_text(text)
    with pytest.raises(DataError, match=f'run.json is damaged: it has no sound {name}'):
        RunRecord.read(file)


@pytest.mark.parametrize(
    'text',
    ['', '{"a": 1', '[]', '\0', '[' * 100000, '{"a":' * 9999, '"' + '\\"' * 9999],
)
def test_text_that_is_no_object(text):
    assert parsed(text) == {}


@pytest.mark.parametrize('before', ['"]"', r'"\"]"', '[]'])
def test_depth_is_that_outside_of_strings(before):
    """Brackets in a text neither add to the depth nor hide it."""
    deep = '[' * 50000 + ']' * 50000
    assert parsed(f'{{"a": [{", ".join([before] * 99999)}, {deep}]}}') == {}
    texts = ['[' * 2 * MAX_DEPTH, '"', '\\']
    assert parsed(json.dumps(dict(a=texts))) == dict(a=texts)
