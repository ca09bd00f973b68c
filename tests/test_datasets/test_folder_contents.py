import errno
import os

import cv2
import numpy as np
import pytest

from mmdsnas.datasets import ImageFolder, folder_contents, scan_folder
from mmdsnas.datasets.folder_contents import BROKEN, IN_NO_CLASS, NO_IMAGE
from mmdsnas.errors import DataError
from tests.pictures import huge_png, write_images


@pytest.fixture
def mixed(tmp_path):
    """Three classes, grey, coloured and transparent; six files are not usable."""
    write_images(tmp_path / 'ant', 10, (20, 30))
    write_images(tmp_path / 'bee', 5, (40, 10, 3))
    write_images(tmp_path / 'cat' / 'deep', 2, (8, 8, 4))
    whole = (tmp_path / 'bee' / '000.png').read_bytes()
    (tmp_path / 'bee' / 'cut.png').write_bytes(whole[: len(whole) // 2])
    (tmp_path / 'ant' / 'empty.jpg').touch()
    (tmp_path / 'bee' / 'huge.png').write_bytes(huge_png())
    (tmp_path / 'cat' / 'dead.png').symlink_to(tmp_path / 'nowhere.png')
    (tmp_path / 'cat' / 'notes.txt').write_text('taken in May')
    (tmp_path / 'cat' / '.hidden').write_text('')
    write_images(tmp_path, 1)
    return tmp_path


def test_what_is_found(mixed, capfd):
    found = scan_folder(str(mixed), val_ratio=0.2)
    assert found.folders == {}
    assert found.images == dict(
        train=dict(ant=8, bee=4, cat=1), val=dict(ant=2, bee=1, cat=1)
    )
    assert found.left_out == {
        BROKEN: ['ant/empty.jpg', 'bee/cut.png', 'bee/huge.png', 'cat/dead.png'],
        NO_IMAGE: ['cat/notes.txt'],
        IN_NO_CLASS: ['000.png'],
    }
    assert found.channels == {1: 10, 3: 7}
    # Of 10 images of 20 x 30, 5 of 40 x 10 and 2 of 8 x 8.
    assert found.size == (20, 30)
    # libpng's own words go past OpenCV.
    printed = capfd.readouterr().err.splitlines()
    assert not [line for line in printed if not line.startswith('libpng')]


def test_the_data_set_has_what_was_counted(mixed, monkeypatch):
    """However many images are looked at in a piece."""
    whole = scan_folder(str(mixed), 0.2)
    monkeypatch.setattr(folder_contents, 'CHUNK', 3)
    assert scan_folder(str(mixed), 0.2) == whole
    found = scan_folder(str(mixed), val_ratio=0.4)
    options = dict(val_ratio=0.4, left_out=found.left_out[BROKEN])
    for split, counts in found.images.items():
        data = ImageFolder(str(mixed), split, **options)
        labels = data.get_gt_labels().tolist()
        assert {c: labels.count(i) for i, c in enumerate(data.CLASSES)} == counts


def test_what_is_left_out_counts_as_if_it_were_gone(mixed):
    """Also in the draw of the images that are held out."""
    left_out = scan_folder(str(mixed), 0.2).left_out[BROKEN]

    def listed():
        splits = [
            ImageFolder(str(mixed), split, left_out=left_out)
            for split in ('train', 'val')
        ]
        return [[d.get_data_info(i)['img_path'] for i in range(len(d))] for d in splits]

    before = listed()
    for name in left_out:
        os.remove(mixed / name)
    assert listed() == before


def test_given_splits(tmp_path, monkeypatch):
    write_images(tmp_path / 'train' / 'ant', 3)
    write_images(tmp_path / 'train' / 'bee', 2)
    write_images(tmp_path / 'val' / 'ant', 1)
    (tmp_path / 'val' / 'ant' / 'bad.png').write_bytes(b'x')
    monkeypatch.setenv('HOME', str(tmp_path.parent))
    found = scan_folder(f'~/{tmp_path.name}', 0.2)
    assert found.folders == dict(train='train', val='val')
    assert found.images == dict(train=dict(ant=3, bee=2), val=dict(ant=1, bee=0))
    assert found.left_out[BROKEN] == ['val/ant/bad.png']


def test_broken_images(mixed, tmp_path):
    """OpenCV loads an image of floats, but not as one of bytes."""
    cv2.imwrite(str(mixed / 'ant' / 'float.tif'), np.zeros((8, 8), np.float32))
    assert 'ant/float.tif' in scan_folder(str(mixed), 0.2).left_out[BROKEN]
    for i in range(4):
        (mixed / 'bee' / f'{i:03d}.png').write_bytes(b'x')
    with pytest.raises(DataError, match='/bee" has 1 image.* besides 6 that'):
        scan_folder(str(mixed), 0.2)
    for path in mixed.rglob('*.png'):
        path.unlink()
        path.write_bytes(b'x')
    (mixed / 'ant' / 'float.tif').unlink()
    with pytest.raises(DataError, match='^None of the .* images in .* can be decoded'):
        scan_folder(str(mixed), 0.2)


def test_folders_beside_the_splits_are_named(tmp_path):
    for split in ('train', 'Validation', 'test', 'raw'):
        for name in ('ant', 'bee'):
            write_images(tmp_path / split / name, 2)
    write_images(tmp_path / 'test' / 'bee', 1, start=2)
    found = scan_folder(str(tmp_path), 0.2)
    assert found.left_out[IN_NO_CLASS] == ['raw']
    assert found.folders == dict(train='train', val='Validation', test='test')
    assert found.images['test'] == dict(ant=2, bee=3)


def test_val_is_drawn_from_train_where_there_is_a_test_alone(tmp_path):
    for name in ('ant', 'bee'):
        write_images(tmp_path / 'train' / name, 10)
        write_images(tmp_path / 'test' / name, 3)
    found = scan_folder(str(tmp_path), 0.2)
    numbers = {split: by_class['ant'] for split, by_class in found.images.items()}
    assert numbers == dict(train=8, val=2, test=3)
    assert found.folders == dict(test='test')


@pytest.mark.parametrize('place', ['', 'ant', 'ant/deep'])
def test_a_folder_that_may_not_be_read(tmp_path, monkeypatch, place):
    for name in ('ant', 'ant/deep', 'bee'):
        write_images(tmp_path / name, 5)
    scandir = os.scandir

    def closed(path):
        if os.path.samefile(path, tmp_path / place):
            raise PermissionError(errno.EACCES, 'Permission denied', str(path))
        return scandir(path)

    # The owner of the tests may be root, who reads everything.
    monkeypatch.setattr(os, 'scandir', closed)
    message = f'"{tmp_path / place}" must be readable, but is not: Permission denied'
    with pytest.raises(DataError, match=message):
        scan_folder(str(tmp_path), 0.2)


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / 'a.png').write_bytes(b'x')
    with pytest.raises(DataError, match='a.png" is a file: data_root must be a folder'):
        scan_folder(str(tmp_path / 'a.png'), 0.2)
