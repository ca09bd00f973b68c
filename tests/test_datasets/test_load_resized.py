import struct

import cv2
import numpy as np
import pytest
from mmcls.datasets import transforms as mmcls
from mmcv.transforms import LoadImageFromFile
from PIL import Image

from mmdsnas.datasets import (
    ImageFolder,
    LoadRandomResizedCrop,
    LoadResizeEdge,
    decoding,
    load_resized,
)
from mmdsnas.errors import ConfigError, CorruptImageError, DataError
from mmdsnas.registry import TRANSFORMS
from tests.jpegs import damage, jpeg

ORIENTATION = 0x0112


def waves(height, width):
    """A picture without sharp edges, so that its pixels depend little on sampling."""
    y, x = np.mgrid[:height, :width] / max(height, width)
    phases = np.arange(3) * 2
    wave = np.sin(11 * x[..., None] + phases) + np.cos(9 * y[..., None] - phases)
    return np.uint8(np.rint(128 + 55 * wave))


def save(path, picture, **options):
    Image.fromarray(picture).save(path, quality=95, **options)
    return path


def both(path, ours, load, resize, seed=0):
    """What ours and the two transforms that it stands for make of a file."""
    info = dict(img_path=str(path), gt_label=1)
    np.random.seed(seed)
    our, our_next = ours({**info}), np.random.rand()
    np.random.seed(seed)
    their = resize(load({**info}))
    # The same numbers must be drawn later on.
    assert our_next == np.random.rand()
    assert set(our) == set(their)
    for name in set(our) - {'img'}:
        assert our[name] == their[name], name
    assert our['img'].dtype == their['img'].dtype == np.uint8
    return our['img'], their['img']


def crops(**options):
    scale = options.pop('scale', 32)
    return (
        LoadRandomResizedCrop(scale, **options),
        LoadImageFromFile(),
        mmcls.RandomResizedCrop(scale, **options),
    )


def edges(scale=32):
    return LoadResizeEdge(scale), LoadImageFromFile(), mmcls.ResizeEdge(scale)


@pytest.fixture
def factors(monkeypatch):
    """Notes by how much the edges of decoded images were divided."""
    seen, decode = [], cv2.imdecode

    def note(content, flag):
        turned = flag & ~cv2.IMREAD_IGNORE_ORIENTATION
        seen.append(next(f for f, own in decoding.FLAGS.items() if turned == own))
        return decode(content, flag)

    monkeypatch.setattr(decoding.cv2, 'imdecode', note)
    return seen


@pytest.mark.parametrize('size', [(375, 500), (500, 375), (90, 400), (41, 33)])
def test_parts_are_those_of_mmcls(size):
    """Also of narrow images, where mmcls gives up drawing."""
    options = dict(crop_ratio_range=(0.2, 1.0), aspect_ratio_range=(0.5, 2.0))
    ours, _, theirs = crops(**options)
    for seed in range(50):
        np.random.seed(seed)
        box, target, _ = ours.choose(size)
        np.random.seed(seed)
        assert tuple(box) == theirs.rand_crop_params(np.zeros(size))
        assert target == (32, 32)


@pytest.mark.parametrize('size', [(60, 63), (63, 50), (33, 40)])
@pytest.mark.parametrize('make', [crops, edges])
def test_pixels_are_equal_where_nothing_is_left_out(tmp_path, factors, make, size):
    path = save(tmp_path / 'a.jpg', waves(*size))
    for seed in range(5):
        ours, theirs = both(path, *make(), seed=seed)
        assert (ours == theirs).all()
    assert factors[::2] == [1] * 5


@pytest.mark.parametrize('edge, factor', [(63, 1), (64, 2), (255, 4), (256, 8)])
def test_no_pixel_is_lost_and_none_too_many_decoded(tmp_path, factors, edge, factor):
    path = save(tmp_path / 'a.jpg', waves(edge, edge + 8))
    both(path, *edges())
    # The whole of a square is drawn with these.
    square = crops(crop_ratio_range=(1.0, 1.0), aspect_ratio_range=(1.0, 1.0))
    both(save(tmp_path / 'b.jpg', waves(edge, edge)), *square)
    assert factors[0] == factors[2] == factor


@pytest.mark.parametrize('make, bound', [(crops, 3.0), (edges, 2.0)])
@pytest.mark.parametrize('size', [(300, 400), (401, 299), (1001, 777)])
def test_pixels_are_close_to_the_picture(tmp_path, factors, make, bound, size):
    """Within what half a pixel and JPEG change, of the function that is drawn."""
    path = save(tmp_path / 'a.jpg', waves(*size))
    for seed in range(8):
        ours, theirs = both(path, *make(), seed=seed)
        difference = np.abs(ours.astype(int) - theirs)
        # A pixel is 1/32 of the short edge at most, and the waves rise by 11 * 55.
        assert difference.max() <= 11 * 55 * 0.5 / 32 + 6
        assert difference.mean() <= bound
    assert min(factors[::2]) >= 1 and max(factors[::2]) > 1


def turned(path, orientation):
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    return save(path, waves(150, 200), exif=exif)


@pytest.mark.parametrize('make', [crops, edges])
@pytest.mark.parametrize('orientation', range(1, 9))
def test_orientation(tmp_path, factors, make, orientation):
    ours, theirs = both(turned(tmp_path / 'a.jpg', orientation), *make())
    assert np.abs(ours.astype(int) - theirs).mean() <= 3
    assert len(factors) == 2


@pytest.mark.parametrize('mode', ['L', 'CMYK', 'RGB', 'RGBA'])
@pytest.mark.parametrize('make', [crops, edges])
def test_other_files(tmp_path, make, mode):
    path = tmp_path / ('a.png' if mode.startswith('RGB') else 'a.jpg')
    Image.fromarray(waves(150, 200)).convert(mode).save(path)
    ours, theirs = both(path, *make())
    difference = np.abs(ours.astype(int) - theirs)
    # Only gray JPEGs are decoded smaller.
    assert difference.mean() <= (3 if mode == 'L' else 0)


@pytest.mark.parametrize('orientation', [3, 6])
def test_orientation_is_ignored(tmp_path, factors, orientation):
    """Upside down, or turned."""
    option = dict(color_type='color_ignore_orientation')
    steps = LoadResizeEdge(32, **option), LoadImageFromFile(**option)
    path = turned(tmp_path / 'a.jpg', orientation)
    ours, theirs = both(path, *steps, mmcls.ResizeEdge(32))
    assert ours.shape == theirs.shape == (32, 42, 3)
    assert np.abs(ours.astype(int) - theirs).mean() <= 3
    assert factors == [4, 1]


def test_header_of_another_size_than_that_of_the_image(tmp_path, monkeypatch):
    """Nothing is drawn for it: what mmcls does from the pixels is all."""
    monkeypatch.setattr(load_resized, 'jpeg_size', lambda *args, **kwargs: (99, 99))
    for make in (crops, edges):
        ours, theirs = both(save(tmp_path / 'a.jpg', waves(150, 200)), *make())
        assert (ours == theirs).all()


@pytest.mark.parametrize('kind', ['truncated', 'text', 'empty'])
@pytest.mark.parametrize('make', [crops, edges])
def test_corrupt_images(tmp_path, make, kind):
    """As with mmcv's transform the next one comes, and no number is drawn."""
    for i in range(3):
        jpeg(tmp_path / 'train' / 'a' / f'{i}.JPEG', i, (80, 100))
    for name in ('train/b', 'val/a', 'val/b'):
        jpeg(tmp_path / name / '0.JPEG')
    ours, *theirs = make()
    datasets = [
        ImageFolder(str(tmp_path), pipeline=pipeline, max_corrupt=1)
        for pipeline in ([ours], theirs)
    ]
    damage(tmp_path / 'train' / 'a' / '1.JPEG', kind)
    images = []
    for dataset in datasets:
        np.random.seed(0)
        images.append((dataset[1]['img'], dataset[1]['img'], np.random.rand()))
        assert dataset.num_corrupt == 1
        dataset.test_mode = True
        with pytest.raises(DataError, match='cannot be decoded with cv2: no image'):
            dataset[1]
    assert images[0][2] == images[1][2]
    assert all(np.abs(a - 1.0 * b).mean() < 8 for a, b in zip(images[0], images[1]))


def test_size_that_opencv_refuses(tmp_path):
    """By an error of its own; in full, the image would have 4.3 billion pixels."""
    path = jpeg(tmp_path / 'a.jpg', 0, (80, 100))
    sizes = struct.pack('>HH', 80, 100), struct.pack('>HH', 65500, 65500)
    path.write_bytes(path.read_bytes().replace(*sizes))
    np.random.seed(0)
    with pytest.raises(cv2.error):
        LoadRandomResizedCrop(30000)(dict(img_path=str(path)))
    drawn = np.random.rand()
    np.random.seed(0)
    assert drawn == np.random.rand()


def test_no_image(tmp_path):
    path = damage(jpeg(tmp_path / 'a.jpg'), 'text')
    with pytest.raises(CorruptImageError, match=f'"{path}" cannot be decoded'):
        LoadResizeEdge(32)(dict(img_path=str(path)))
    with pytest.raises(FileNotFoundError):
        LoadResizeEdge(32)(dict(img_path=str(tmp_path / 'none.jpg')))


def test_a_config_names_them():
    built = TRANSFORMS.build(dict(type='mmdsnas.LoadRandomResizedCrop', scale=224))
    assert built.resize.scale == (224, 224)
    with pytest.raises(ConfigError, match='two numbers, the smaller one first'):
        LoadRandomResizedCrop(224, crop_ratio_range=(1.0, 0.5))
