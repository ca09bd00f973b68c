import io
import struct

import cv2
import numpy as np
import pytest
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from mmdsnas.datasets.decoding import decode, jpeg_size, load_image
from mmdsnas.errors import CorruptImageError
from tests.pictures import huge_png

ORIENTATION = 0x0112


def encoded(mode='RGB', size=(50, 40), **options):
    file = io.BytesIO()
    Image.new(mode, size).save(file, 'JPEG', **options)
    return file.getvalue()


def with_orientation(value):
    exif = Image.Exif()
    exif[ORIENTATION] = value
    return encoded(exif=exif)


def with_segment(segment):
    return encoded()[:2] + segment + encoded()[2:]


def with_table_before_the_frame():
    content = encoded()
    start = content.index(b'\xff\xc4')
    (length,) = struct.unpack_from('>H', content, start + 2)
    return with_segment(content[start : start + 2 + length])


@pytest.mark.parametrize('turn', [True, False])
@pytest.mark.parametrize(
    'content',
    [
        encoded(),
        encoded('L'),
        encoded(progressive=True),
        encoded(comment=b'\xff\xc0 no frame'),
        encoded(icc_profile=bytes(70000)),
        encoded(size=(1, 65500)),
        with_table_before_the_frame(),
        with_segment(b'\xff\xff'),
        # Broken EXIF data.
        with_segment(struct.pack('>BBH', 0xFF, 0xE1, 15) + b'Exif\0\0nothing'),
        *map(with_orientation, range(1, 9)),
    ],
)
def test_size_is_that_which_opencv_decodes(content, turn):
    flag = cv2.IMREAD_COLOR | (0 if turn else cv2.IMREAD_IGNORE_ORIENTATION)
    img = cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    assert jpeg_size(content, turn) == img.shape[:2]


@pytest.mark.parametrize(
    'content',
    [
        b'',
        b'\xff\xd8',
        b'<html>not found</html>' * 20,
        encoded('CMYK'),
        encoded().replace(struct.pack('>HH', 40, 50), struct.pack('>HH', 0, 50)),
        # Cut in its header, before and in the frame.
        encoded()[:30],
        encoded()[: encoded().index(b'\xff\xc0') + 8],
    ],
)
def test_no_size(content):
    assert jpeg_size(content, True) is None


def test_errors_of_a_pillow_reader_of_whatever_type(tmp_path):
    """A broken number in a PPM is a ValueError, a broken PNG a SyntaxError."""
    ppm, png = tmp_path / 'x.ppm', tmp_path / 'x.png'
    ppm.write_bytes(b'P6 1V0 8 255\n' + bytes(3000))
    Image.effect_noise((500, 400), 50).save(png)
    content = png.read_bytes()
    png.write_bytes(content[: len(content) // 2] + bytes(len(content) // 2))
    loader = LoadImageFromFile(imdecode_backend='pillow')
    for path, cause in ((ppm, ValueError), (png, SyntaxError)):
        with pytest.raises(CorruptImageError, match=f'"{path}".*pillow') as raised:
            load_image(loader, dict(img_path=str(path)))
        assert type(raised.value.__cause__) is cause


@pytest.mark.parametrize('content', [b'', b'x', huge_png(), encoded()[:400]])
def test_what_cannot_be_decoded(content):
    assert decode(content) is None
