"""Lines of the table at the beginning of a report."""

import pytest

from mmdsnas.subnets.checkpoint import save_checkpoint
from mmdsnas.visualization import read_run
from mmdsnas.visualization.summary import summary
from tests.test_visualization.files import train, write_session

COUNTS = dict(train=[['ant', 30], ['bee', 50]], val=[['ant', 8], ['bee', 12]])
# As earlier versions wrote them.
BY_NAME = dict(train=dict(ant=30, bee=50), val=dict(ant=8, bee=12))
LEFT_OUT = dict(broken=['ant/1.png'], no_image=['a.txt', 'b.txt'], in_no_class=[])


@pytest.mark.parametrize(
    'own, words',
    [
        (
            dict(found=dict(images=COUNTS, left_out=LEFT_OUT), input_size=96),
            '80 in train, 20 in val, 3 files left out; 96 x 96 pixels',
        ),
        (dict(found=dict(images=COUNTS)), '80 in train, 20 in val'),
        (dict(found=dict(images=BY_NAME)), '80 in train, 20 in val'),
        # Another hand's file.
        (dict(found=3), None),
        (None, None),
    ],
)
def test_images_of_a_folder(tmp_path, own, words):
    options = dict(own_images=own)
    write_session(tmp_path, '20260101_0', [train(1, 1, loss=1.0)], options=options)
    told = dict((name, values[0]) for name, values in summary([read_run(tmp_path)]))
    assert told.get('images') == words


def test_size_of_the_images_is_that_of_the_child(tmp_path):
    own = dict(found=dict(images=COUNTS), input_size=96)
    write_session(
        tmp_path, '20260101_0', [train(1, 1, loss=1.0)], options=dict(own_images=own)
    )
    meta = dict(input_shape=(1, 3, 64, 64))
    save_checkpoint(dict(meta=meta, state_dict={}), tmp_path / 'subnet.pth')
    told = {name: values[0] for name, values in summary([read_run(tmp_path)])}
    assert told['images'] == '80 in train, 20 in val; 64 x 64 pixels'
