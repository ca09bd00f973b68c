"""The table of files of a child, from rows that were measured."""

from pathlib import Path

import pytest

from benchmarks import formats
from mmdsnas.deployment import Comparison


def test_times_stand_beside_those_of_pytorch(tmp_path):
    file = tmp_path / 'child.xml'
    file.write_bytes(b'x' * 1_000_000)
    file.with_suffix('.bin').write_bytes(b'x' * 500_000)
    compared = Comparison(10, 0.002, 3.0, 9, 0.9, 0.8)
    row = formats._row(file, compared)
    rows = [dict(name=formats.EAGER, ms=4.0), dict(name='openvino', ms=1.0, **row)]
    *_, eager, last = formats.tables(rows)['formats'].splitlines()
    assert eager.split('|')[1:5] == [' PyTorch ', '  ', ' 4.00 ', ' 1.00 ']
    assert last.strip('| ').split(' | ') == [
        *('openvino', '1.50 MB', '1.00', '0.25', '0.002', '9 of 10 equal', '80.00 %')
    ]


def test_the_page_has_a_place_for_it():
    page = Path(formats.PAGE).read_text()
    assert '<!-- formats -->' in page and '<!-- /formats -->' in page
    with pytest.raises(ValueError, match='has no'):
        formats.write_tables(formats.PAGE, dict(nothing=''))
