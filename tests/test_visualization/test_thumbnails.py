import base64

import cv2
import numpy as np
import pytest
from PIL import Image

from mmdsnas.visualization.thumbnails import thumbnail
from tests.pictures import huge_png


def decoded(uri):
    head, content = uri.split(',')
    assert head == 'data:image/jpeg;base64'
    content = base64.b64decode(content)
    assert len(content) < 10_000 and b'Exif' not in content
    return cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_COLOR)


@pytest.mark.parametrize(
    'size, wanted',
    [((400, 200), (48, 96)), ((30, 20), (20, 30)), ((5000, 3), (1, 96))],
)
def test_edges(tmp_path, size, wanted):
    Image.new('RGB', size).save(tmp_path / 'a.png')
    assert decoded(thumbnail(tmp_path / 'a.png')).shape[:2] == wanted


def test_image_is_turned_as_its_exif_says(tmp_path):
    """The camera was held upright: what is stored at the left is at the top."""
    image = Image.new('RGB', (200, 100))
    image.paste((255, 255, 255), (0, 0, 100, 100))
    exif = Image.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / 'a.jpg', exif=exif)
    pixels = decoded(thumbnail(tmp_path / 'a.jpg'))
    assert pixels.shape[:2] == (96, 48)
    assert pixels[:40].min() > 200 and pixels[-40:].max() < 50


@pytest.mark.parametrize('mode', ['L', 'LA', 'RGBA', 'P', 'I;16', '1'])
def test_kinds_of_images(tmp_path, mode):
    Image.new(mode, (20, 20)).save(tmp_path / 'a.png')
    assert decoded(thumbnail(tmp_path / 'a.png')).max() < 10


def test_what_is_no_image(tmp_path):
    (tmp_path / 'text.png').write_text('<svg onload=alert(1)>')
    (tmp_path / 'empty.png').touch()
    (tmp_path / 'huge.png').write_bytes(huge_png())
    for name in ('text.png', 'empty.png', 'huge.png', 'gone.png', '', 'a\0', 'x' * 999):
        assert thumbnail(tmp_path / name) is None
