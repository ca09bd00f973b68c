import pytest

from mmdsnas.errors import DataError
from mmdsnas.visualization.csv_files import (
    read_compared,
    read_predictions,
    write_compared,
    write_predictions,
)
from mmdsnas.visualization.predictions import ComparedNetwork, unique_names
from tests.test_visualization.files import prediction

HEAD = 'network,input_size,mflops,mparams,accuracy,images\n'
ODD = 'a, "b"\n\u2028\udcff '


def test_what_is_written_is_read(tmp_path):
    """Whatever a folder or a file may be called."""
    rows = [
        prediction(f'{ODD}/1.png', ODD, 'b', 0.75, 0.25, ODD, 0.25),
        prediction('b/2.png', 'b', 'b', 1.0, 1.0, ODD, 0.0),
    ]
    write_predictions(tmp_path, rows, [ODD, 'b', 'c'])
    assert read_predictions(tmp_path) == rows


def test_files_for_a_table_program(tmp_path):
    rows = [prediction(f'{k}', 'a', 'ab'[k > 7], 0.5, 0.5, 'b', 0.4) for k in range(10)]
    write_predictions(tmp_path, rows, ['a', 'b'])
    assert (tmp_path / 'classes.csv').read_text().splitlines() == [
        'class,images,accuracy,lower,upper',
        'a,10,80.00,49.02,94.33',
        'b,0,,,',
    ]
    assert (tmp_path / 'confusion.csv').read_text().splitlines() == [
        'true \\ predicted,a,b',
        'a,8,2',
        'b,0,0',
    ]
    head, first, *_ = (tmp_path / 'predictions.csv').read_text().splitlines()
    assert head == (
        'image,true,predicted,probability,true_probability,second,second_probability'
    )
    assert first == '0,a,a,0.5,0.5,b,0.4'
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        'classes.csv',
        'confusion.csv',
        'predictions.csv',
    ]


def test_no_files(tmp_path):
    assert read_predictions(tmp_path) == read_compared(tmp_path) == []


def test_networks_are_read_as_they_were_written(tmp_path):
    rows = [
        ComparedNetwork('skip+full', 48, 1.5, 0.25, 95.5, 200),
        ComparedNetwork('whole', None, None, None, 100, 6),
    ]
    write_compared(tmp_path, rows)
    assert read_compared(tmp_path) == rows


def test_networks_of_a_table_program(tmp_path):
    """With a mark of the order of bytes, and cells that are not known."""
    text = f'\ufeff{HEAD}R,224,1800,11.7,90.5,200\nteacher,,,,95,200\n'
    (tmp_path / 'compared.csv').write_text(text, encoding='utf-8')
    assert read_compared(tmp_path) == [
        ComparedNetwork('R', 224, 1800, 11.7, 90.5, 200),
        ComparedNetwork('teacher', None, None, None, 95, 200),
    ]


@pytest.mark.parametrize(
    'line, name',
    [
        ('R,64,2,1,120,5', 'accuracy'),
        ('R,64,2,1,nan,5', 'accuracy'),
        ('R,64,2,1,,5', 'accuracy'),
        ('R,64,-2,1,80,5', 'mflops'),
        ('R,64,inf,1,80,5', 'mflops'),
        ('R,6.5,2,1,80,5', 'input_size'),
        ('R,64,2,1,80,0', 'images'),
        ('R', 'accuracy'),
        (',64,2,1,80,5', 'network'),
    ],
)
def test_damaged_line_is_named(tmp_path, line, name):
    (tmp_path / 'compared.csv').write_text(f'{HEAD}R,64,2,1,80,5\n{line}\n')
    with pytest.raises(DataError, match=f'compared.csv is damaged: line 3 .* {name}.$'):
        read_compared(tmp_path)


@pytest.mark.parametrize('content', [b'\x80\x81', f'image\n"{"x" * 200_000}"'.encode()])
def test_what_is_no_table(tmp_path, content):
    (tmp_path / 'predictions.csv').write_bytes(content)
    with pytest.raises(DataError, match='predictions.csv is damaged: it is no table'):
        read_predictions(tmp_path)


def test_file_that_cannot_be_read(tmp_path):
    (tmp_path / 'predictions.csv').mkdir()
    with pytest.raises(DataError, match='predictions.csv cannot be read: Is a dir'):
        read_predictions(tmp_path)


def test_names_of_classes_differ():
    assert unique_names(['crane', 'b', 'crane', 7]) == [
        'crane (0)',
        'b',
        'crane (2)',
        '7',
    ]


def test_numbers_have_the_digits_of_a_float32(tmp_path):
    write_compared(
        tmp_path, [ComparedNetwork('R', 64, 0.1 + 0.2, 1e-4, 62.499996185302734, 5)]
    )
    text = (tmp_path / 'compared.csv').read_text()
    assert text.splitlines()[1].startswith('R,64,0.3,0.0001,62.5,5')
