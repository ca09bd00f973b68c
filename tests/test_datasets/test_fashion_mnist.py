import gzip
import struct
from pathlib import Path

import mmcls.datasets
import numpy as np
import pytest

from mmdsnas.datasets import FashionMNIST, fashion_mnist
from mmdsnas.errors import ConfigError, DataError

NAMES = (
    'train-images-idx3-ubyte',
    'train-labels-idx1-ubyte',
    't10k-images-idx3-ubyte',
    't10k-labels-idx1-ubyte',
)
DEBIAN = Path('/usr/share/datasets/fashion-mnist')


def idx(array):
    head = struct.pack(f'>BBBB{array.ndim}I', 0, 0, 8, array.ndim, *array.shape)
    return head + array.tobytes()


def arrays(seed, count):
    generator = np.random.RandomState(seed)
    images = generator.randint(0, 256, (count, 6, 5), dtype=np.uint8)
    labels = generator.randint(0, 10, count).astype(np.uint8)
    labels[:20] = np.arange(20) // 2  # at least two of each class
    return images, labels


TRAIN, TEST = arrays(0, 60), arrays(1, 30)


def write(folder, zipped=()):
    folder.mkdir(parents=True, exist_ok=True)
    for name, array in zip(NAMES, TRAIN + TEST, strict=True):
        if name in zipped:
            (folder / f'{name}.gz').write_bytes(gzip.compress(idx(array)))
        else:
            (folder / name).write_bytes(idx(array))
    return folder


@pytest.fixture
def root(tmp_path):
    return write(tmp_path / 'files')


def check(dataset, images, labels):
    assert len(dataset) == len(labels)
    for i, label in enumerate(labels):
        info = dataset.get_data_info(i)
        assert info['img'].dtype == np.uint8 and info['img'].shape == (6, 5, 3)
        assert (info['img'] == images[i][..., None]).all()
        assert type(info['gt_label']) is int and info['gt_label'] == label


@pytest.mark.parametrize('zipped', [(), NAMES, NAMES[1:3]])
def test_reads_plain_and_gzipped_files_in_place(tmp_path, monkeypatch, zipped):
    root = write(tmp_path / 'files', zipped)
    before = sorted(path.name for path in root.iterdir())
    monkeypatch.setenv('HOME', str(tmp_path))
    check(FashionMNIST('~/files'), *TRAIN)
    check(FashionMNIST(str(root), split='test'), *TEST)
    assert sorted(path.name for path in root.iterdir()) == before


def test_is_mmcls_dataset_with_its_classes(root):
    dataset = FashionMNIST(str(root))
    assert isinstance(dataset, mmcls.datasets.FashionMNIST)
    assert dataset.CLASSES[0] == 'T-shirt/top' and len(dataset.CLASSES) == 10
    assert f'{root}' in repr(dataset) and 'Split: \ttrain' in repr(dataset)
    assert dataset.data_root == str(root)


def test_searches_the_current_folder_then_debians(tmp_path, monkeypatch):
    """All four files must be in one; a folder that is given is the only one."""
    debian = tmp_path / 'debian'
    searched = ('data/fashion-mnist', str(debian))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(fashion_mnist, 'SEARCHED', searched)
    message = f'{tmp_path}/data/fashion-mnist or {debian} must have .*{NAMES[3]}'
    with pytest.raises(DataError, match=message):
        FashionMNIST(lazy_init=True)
    write(debian, NAMES)
    assert FashionMNIST().data_root == str(debian)
    own = write(tmp_path / 'data' / 'fashion-mnist')
    assert FashionMNIST().data_root == 'data/fashion-mnist'
    (own / NAMES[3]).unlink()
    assert FashionMNIST().data_root == str(debian)
    with pytest.raises(DataError, match=f': {own} must have'):
        FashionMNIST(str(own))


@pytest.mark.parametrize(
    'labels, message',
    [
        (TRAIN[1][:-1], f'{NAMES[0]}" has 60 images, but .* has 59 labels'),
        (TRAIN[1] + np.uint8(1), f'{NAMES[1]}" has the label 10'),
    ],
)
def test_labels_that_do_not_fit(root, labels, message):
    (root / NAMES[1]).write_bytes(idx(labels))
    with pytest.raises(DataError, match=message):
        FashionMNIST(str(root))


DAMAGED = [
    lambda good: b'',
    lambda good: b'\0\0\x08',
    lambda good: b'<html>404 not found, sorry</html>',
    lambda good: good[:6],
    lambda good: good[:-1],
    lambda good: good + b'x',
    # floats, another number of dimensions, and no images
    lambda good: good[:2] + b'\x0d' + good[3:],
    lambda good: good[:3] + b'\x02' + good[4:],
    lambda good: good[:4] + bytes(4 * good[3]),
]
ZIPPED = [
    lambda good: good[:-20],  # EOFError
    lambda good: b'plain',  # BadGzipFile
    lambda good: good[:12] + b'\xff' * 20 + good[32:],  # zlib.error
]


@pytest.mark.parametrize(
    'name, damage',
    [(name, damage) for name in NAMES[:2] for damage in DAMAGED]
    + [(f'{NAMES[0]}.gz', damage) for damage in ZIPPED],
)
def test_a_damaged_file_is_named(tmp_path, name, damage):
    root = write(tmp_path / 'files', NAMES if name.endswith('.gz') else ())
    path = root / name
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=f'^The file "{path}" must be .*or damaged'):
        FashionMNIST(str(root))


def test_num_samples_takes_the_first_of_each_class(root):
    labels = TRAIN[1]
    dataset = FashionMNIST(str(root), num_samples=20)
    wanted = sorted(i for c in range(10) for i in np.flatnonzero(labels == c)[:2])
    check(dataset, TRAIN[0][wanted], labels[wanted])


@pytest.mark.parametrize('number', [10, 13, 47, 60])
def test_num_samples_is_exact_and_as_balanced_as_it_can_be(root, number):
    found = FashionMNIST(str(root), num_samples=number).get_gt_labels()
    have = np.bincount(TRAIN[1], minlength=10)
    counts = np.bincount(found, minlength=10)
    assert len(found) == number
    # a class below the fullest by two or more has no sample left
    below = counts < counts.max() - 1
    assert (counts[below] == have[below]).all()


@pytest.mark.parametrize('number', [9, 61, 12.0, True, '20'])
def test_wrong_num_samples(root, number):
    message = f'^num_samples of FashionMNIST must be .*is {number!r}'
    with pytest.raises(ConfigError, match=message):
        FashionMNIST(str(root), num_samples=number)


@pytest.mark.skipif(not DEBIAN.is_dir(), reason='needs dataset-fashion-mnist')
def test_debians_files():
    dataset = FashionMNIST(str(DEBIAN), split='test')
    assert np.bincount(dataset.get_gt_labels()).tolist() == [1000] * 10
    info = dataset.get_data_info(0)
    assert info['img'].shape == (28, 28, 3)
    assert dataset.CLASSES[info['gt_label']] == 'Ankle boot'
