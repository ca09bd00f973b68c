"""Copies of data sets with smaller images."""

from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdsnas.datasets import resized_copy
from mmdsnas.datasets.resized_copy import copy_file, copy_resized
from mmdsnas.errors import DataError
from tests.jpegs import jpeg
from tests.pictures import huge_png
from tests.tools import run_tool

TOOL = 'dataset_converters/resize_images.py'


def test_the_short_edge_is_reduced_and_the_shape_kept(tmp_path):
    """300 x 200 with a short edge of 50 is 75 x 50."""
    image = np.zeros((200, 300, 3), np.uint8)
    image[:, 150:] = 200
    cv2.imwrite(str(tmp_path / 'a.png'), image)
    assert copy_file(tmp_path, tmp_path / 'to', 50, 90, Path('a.png')) == 'resized'
    copied = cv2.imread(str(tmp_path / 'to' / 'a.png'))
    assert copied.shape == (50, 75, 3)
    # By hand: 4 x 4 pixels become one; column 37 has half of either side.
    assert (copied[:, :37] == 0).all() and (copied[:, 38:] == 200).all()
    assert (copied[:, 37] == 100).all()


@pytest.mark.parametrize(
    ('size', 'edge', 'expected'),
    [((101, 100), 50, (50, 50)), ((1000, 10), 9, (900, 9)), ((10, 30), 9, (9, 27))],
)
def test_sizes(tmp_path, size, edge, expected):
    width, height = size
    cv2.imwrite(str(tmp_path / 'a.png'), np.zeros((height, width, 3), np.uint8))
    copy_file(tmp_path, tmp_path / 'to', edge, 90, Path('a.png'))
    assert cv2.imread(str(tmp_path / 'to' / 'a.png')).shape[1::-1] == expected
    (tmp_path / 'huge.png').write_bytes(huge_png())
    assert copy_file(tmp_path, tmp_path / 'to', 40, 92, Path('huge.png')) == 'corrupt'


@pytest.mark.slow
def test_a_folder_with_everything(tmp_path):
    source, target = tmp_path / 'from', tmp_path / 'to'
    (source / 'train' / 'a').mkdir(parents=True)
    (source / 'meta').mkdir()
    jpeg(source / 'train' / 'a' / 'large.JPEG', size=(90, 60))
    jpeg(source / 'train' / 'a' / 'small.JPEG', size=(30, 40))
    (source / 'train' / 'a' / 'broken.JPEG').write_bytes(b'no image')
    (source / 'meta' / 'train.txt').write_text('a/large.JPEG 0\n')
    images = source / 'train' / 'a'
    assert copy_resized(source, target, 40, 92, workers=1) == {
        source / 'meta' / 'train.txt': 'copied',
        images / 'broken.JPEG': 'corrupt',
        images / 'large.JPEG': 'resized',
        images / 'small.JPEG': 'copied',
    }
    copied = {p.name for p in target.rglob('*') if p.is_file()}
    assert copied == {'large.JPEG', 'small.JPEG', 'train.txt'}
    for name in ('train/a/small.JPEG', 'meta/train.txt'):
        assert (target / name).read_bytes() == (source / name).read_bytes()
    shape = cv2.imread(str(target / 'train' / 'a' / 'large.JPEG')).shape[:2]
    assert min(shape) == 40 and shape != (60, 90)


def test_an_interrupted_copy_goes_on(tmp_path, monkeypatch):
    source, target = tmp_path / 'from', tmp_path / 'to'
    source.mkdir()
    jpeg(source / 'a.jpg', size=(90, 60))

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(resized_copy.os, 'replace', killed)
        with pytest.raises(KeyboardInterrupt):
            copy_file(source, target, 40, 92, Path('a.jpg'))
    assert not (target / 'a.jpg').exists()
    assert copy_file(source, target, 40, 92, Path('a.jpg')) == 'resized'
    assert [p.name for p in target.iterdir()] == ['a.jpg']
    before = (target / 'a.jpg').read_bytes()
    assert copy_file(source, target, 20, 92, Path('a.jpg')) == 'there already'
    assert (target / 'a.jpg').read_bytes() == before


@pytest.mark.slow
def test_links_are_followed_but_in_a_circle(tmp_path):
    source = tmp_path / 'from'
    (source / 'a').mkdir(parents=True)
    (source / 'a' / 'x.txt').write_text('x')
    (source / 'a' / 'again').symlink_to(source)
    (source / 'b').symlink_to(tmp_path / 'other')
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'y.txt').write_text('y')
    (source / 'c').symlink_to(source / 'b')
    found = copy_resized(source, tmp_path / 'to', 40, 92, 1)
    assert list(found.values()) == ['copied'] * 3
    files = [p for p in (tmp_path / 'to').rglob('*') if p.is_file()]
    names = sorted(str(p.relative_to(tmp_path / 'to')) for p in files)
    assert names == ['a/x.txt', 'b/y.txt', 'c/y.txt']


def test_what_cannot_be_read(tmp_path):
    (tmp_path / 'from').mkdir()
    (tmp_path / 'from' / 'a.txt').symlink_to(tmp_path / 'nowhere')
    with pytest.raises(DataError, match='a.txt" must be readable.*No such file'):
        copy_file(tmp_path / 'from', tmp_path / 'to', 40, 92, Path('a.txt'))
    (tmp_path / 'to').write_text('')
    with pytest.raises(DataError, match='must be a folder, but .*to is a file'):
        copy_resized(tmp_path / 'from', tmp_path / 'to', 40, 92, 1)


def test_folders_that_cannot_be_copied(tmp_path):
    with pytest.raises(DataError, match='must exist, but .*nowhere does not'):
        copy_resized(tmp_path / 'nowhere', tmp_path / 'to', 40, 92, 1)
    (tmp_path / 'from').mkdir()
    with pytest.raises(DataError, match='no files'):
        copy_resized(tmp_path / 'from', tmp_path / 'to', 40, 92, 1)
    with pytest.raises(DataError, match='must not lie in'):
        copy_resized(tmp_path / 'from', tmp_path / 'from' / 'to', 40, 92, 1)


@pytest.mark.slow
def test_the_tool(tmp_path):
    source = tmp_path / 'from'
    source.mkdir()
    jpeg(source / 'a.jpg', size=(90, 60))
    (source / 'b.jpg').write_bytes(b'')

    def run(*options):
        args = source, tmp_path / 'to', '--workers', '1', *options
        return run_tool(TOOL, *args, cwd=tmp_path, folder=tmp_path)

    wrong = run('--quality', '101')
    assert wrong.returncode
    assert 'quality of copy_resized must be at most 100, but is 101.' in wrong.stderr
    done = run('--short-edge', '40')
    assert done.returncode == 0, done.stderr
    counts, named = done.stdout.splitlines()
    assert counts == '1 resized, 1 corrupt' and named.endswith(f'{source / "b.jpg"}')
