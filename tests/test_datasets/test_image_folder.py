import os
from collections import Counter
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from mmdsnas.datasets import ImageFolder, find_classes, image_folder
from mmdsnas.errors import ConfigError, DataError
from tests.pictures import write_images

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(20, 20)),
    dict(type='mmcls.RandomCrop', crop_size=16),
    dict(type='mmcls.PackClsInputs'),
]


def classes(root, **counts):
    """Writes class folders with so many images each."""
    for name, count in counts.items():
        write_images(root / name, count)
    return str(root)


def listed(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    root = dataset.data_root
    return [(os.path.relpath(i['img_path'], root), i['gt_label']) for i in infos]


@pytest.fixture
def drawn(tmp_path):
    return classes(tmp_path / 'own', cat=10, ant=20, bee=2)


@pytest.fixture
def given(tmp_path):
    classes(tmp_path / 'own' / 'train', cat=3, ant=4)
    classes(tmp_path / 'own' / 'val', cat=2, ant=1)
    return str(tmp_path / 'own')


@pytest.fixture
def said(monkeypatch):
    messages = []
    monkeypatch.setattr(image_folder, 'print_log', lambda m, logger: messages.append(m))
    return messages


def test_train_and_val_folders_are_the_splits(given, said, monkeypatch):
    monkeypatch.setenv('HOME', os.path.dirname(given))
    train, val = ImageFolder('~/own', split='train'), ImageFolder(given, split='val')
    assert listed(train) == [
        *((f'train/ant/00{i}.png', 0) for i in range(4)),
        *((f'train/cat/00{i}.png', 1) for i in range(3)),
    ]
    wanted = [('val/ant/000.png', 0), ('val/cat/000.png', 1), ('val/cat/001.png', 1)]
    assert listed(val) == wanted
    assert train.CLASSES == val.CLASSES == find_classes(given) == ('ant', 'cat')
    assert type(train.get_data_info(0)['gt_label']) is int
    assert not said


def test_val_may_lack_a_class_and_keeps_the_labels_of_train(tmp_path):
    """Given splits may have one image per class."""
    classes(tmp_path / 'train', ant=1, bee=1, cat=1)
    classes(tmp_path / 'val', ant=1, cat=1)
    assert len(ImageFolder(str(tmp_path))) == 3
    val = ImageFolder(str(tmp_path), split='val')
    assert listed(val) == [('val/ant/000.png', 0), ('val/cat/000.png', 2)]
    assert val.CLASSES == ('ant', 'bee', 'cat')


def test_the_held_out_part_is_disjoint_complete_and_stratified(drawn):
    train = listed(ImageFolder(drawn, split='train'))
    val = listed(ImageFolder(drawn, split='val'))
    whole = [
        (f'{name}/{i:03d}.png', label)
        for label, (name, n) in enumerate(dict(ant=20, bee=2, cat=10).items())
        for i in range(n)
    ]
    assert sorted(train + val) == whole
    assert not set(train) & set(val)
    assert Counter(label for _, label in val) == {0: 4, 1: 1, 2: 2}


@pytest.mark.parametrize(
    'ratio, counts', [(0.5, [10, 1, 5]), (0.01, [1, 1, 1]), (0.99, [19, 1, 9])]
)
def test_val_ratio_leaves_each_class_an_image_on_both_sides(drawn, ratio, counts):
    val = ImageFolder(drawn, split='val', val_ratio=ratio)
    assert np.bincount(val.get_gt_labels()).tolist() == counts
    train = ImageFolder(drawn, split='train', val_ratio=ratio)
    assert set(train.get_gt_labels().tolist()) == {0, 1, 2}


def test_the_draw_depends_on_the_sorted_names_only(drawn, tmp_path, monkeypatch):
    first = listed(ImageFolder(drawn, split='val'))
    np.random.seed(5)
    before = np.random.get_state()[1].copy()
    assert listed(ImageFolder(drawn, split='val')) == first
    assert (np.random.get_state()[1] == before).all()

    # another place, and a file system that lists in another order
    moved = classes(tmp_path / 'moved', cat=10, ant=20, bee=2)
    walk = os.walk

    def backwards(top, **_):
        return [(parent, fs, sorted(names)[::-1]) for parent, fs, names in walk(top)]

    monkeypatch.setattr(os, 'walk', backwards)
    assert listed(ImageFolder(moved, split='val')) == first
    # a class that is added does not change the draw of the others
    classes(tmp_path / 'moved', dog=7)
    more = listed(ImageFolder(moved, split='val'))
    assert [item for item in more if item[1] < 3] == first


def test_the_draw_is_said_once(drawn, said):
    ImageFolder(drawn, split='train')
    ImageFolder(drawn, split='val')
    (message,) = said
    assert f'"{drawn}" has no folder val: of 32 images 7 are held out' in message


def test_which_files_are_images(tmp_path):
    root = tmp_path / 'own'
    wanted = 'a.jpg b.JPEG c.png d.bmp e.tif f.TIFF g.webp h.PPM deep/er/i.Jpg'.split()
    for name in wanted:
        path = root / 'train' / 'ant' / name
        path.parent.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(path), np.zeros((9, 12, 3), np.uint8))
    for name in ['note.txt', '.hidden.jpg', '.cache/j.jpg', 'png', 'k.jpg.md5']:
        path = root / 'train' / 'ant' / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(b'x')
    (root / 'train' / '.git').mkdir()
    (root / 'train' / 'readme.md').write_bytes(b'x')
    classes(root / 'train', bee=1)
    classes(root / 'val', bee=1)
    dataset = ImageFolder(str(root), pipeline=PIPELINE)
    found = [path for path, label in listed(dataset) if label == 0]
    assert found == sorted(f'train/ant/{name}' for name in wanted)
    assert dataset.CLASSES == ('ant', 'bee')
    for i in range(len(dataset)):  # OpenCV reads all of them
        assert dataset[i]['inputs'].shape == (3, 16, 16)


def test_corrupt_images_are_skipped_in_training_alone(given):
    """Whatever a config says of test mode, which one for val may leave out."""
    for split in ('train', 'val'):
        Path(given, split, 'cat', '000.png').write_bytes(b'not an image')
    train = ImageFolder(given, pipeline=PIPELINE, max_corrupt=1)
    assert [train[i]['data_samples'].sample_idx for i in (3, 4, 5)] == [3, 5, 5]
    assert train.num_corrupt == 1
    val = ImageFolder(given, pipeline=PIPELINE, split='val')
    with pytest.raises(DataError, match='no image is skipped in test mode'):
        val[1]


@pytest.mark.parametrize('kind', ['metainfo', 'classes'])
def test_classes_may_set_the_order_of_the_labels(given, kind):
    names = ['cat', 'ant']
    given_as = names if kind == 'classes' else dict(classes=names)
    dataset = ImageFolder(given, split='val', **{kind: given_as})
    assert dataset.get_gt_labels().tolist() == [1, 0, 0]


@pytest.mark.parametrize('names', [('ant',), ('ant', 'dog'), ('ant', 'cat', 'cat')])
def test_other_classes_than_the_folders(given, names):
    message = f'^The classes given are {", ".join(names)}: .* folders ant, cat'
    with pytest.raises(ConfigError, match=message):
        ImageFolder(given, metainfo=dict(classes=names), lazy_init=True)


@pytest.mark.parametrize('unset', [None, ''])
def test_unset_data_root(unset):
    for look in (ImageFolder, find_classes):
        with pytest.raises(ConfigError, match='^data_root of ImageFolder is not set'):
            look(unset)


@pytest.mark.parametrize(
    'names',
    [
        dict(train='train', val='valid', test='Test'),
        dict(train='Train', val='validation'),
        dict(train='training', val='Validation', test='testing'),
        dict(train='train', test='test'),
    ],
)
def test_names_of_the_splits(tmp_path, names):
    """Without val, a part of train is held out; test is read for itself."""
    numbers = dict(train=10, val=3, test=4)
    for split, name in names.items():
        classes(tmp_path / name, ant=numbers[split], bee=numbers[split])
    if 'val' not in names:
        numbers.update(train=8, val=2)
    for split in {'val': '', **names}:
        data = ImageFolder(str(tmp_path), split=split)
        assert data.get_gt_labels().tolist().count(1) == numbers[split]
        folder = f'{tmp_path}/{names.get(split, names["train"])}/'
        paths = [data.get_data_info(i)['img_path'] for i in range(len(data))]
        assert all(path.startswith(folder) for path in paths)
        assert data.test_mode == (split != 'train')


def test_splits_may_be_names_of_classes(tmp_path):
    classes(tmp_path, train=3, test=3)
    classes(tmp_path / 'train', steam=1)
    assert find_classes(str(tmp_path)) == ('test', 'train')
    assert len(ImageFolder(str(tmp_path), split='val')) == 2


def test_an_image_without_content(tmp_path):
    classes(tmp_path, ant=3, bee=3)
    empty, dead = tmp_path / 'ant' / 'x.png', tmp_path / 'ant' / 'y.png'
    empty.touch()
    with pytest.raises(DataError, match=f'^The image "{empty}" is empty'):
        ImageFolder(str(tmp_path))
    empty.unlink()
    dead.symlink_to(tmp_path / 'nothing.png')
    with pytest.raises(DataError, match=f'^The image "{dead}" is empty or a dead'):
        ImageFolder(str(tmp_path))


TWO = dict(ant=3, bee=3)


@pytest.mark.parametrize(
    'folders, message',
    [
        ({'x/': {}}, 'does not exist: data_root must be a folder'),
        ({'own/': {}}, 'must have at least two folders .* has none'),
        ({'own/': dict(ant=3)}, 'must have at least two folders .* has ant'),
        ({'own/train': TWO, 'own/val': {}}, 'val" must have class folders.* has none'),
        ({'own/train': TWO, 'own/val': dict(ant=1, cat=1)}, 'val" must .* has cat'),
        ({'own/train': TWO, 'own/ant': TWO}, 'train, but none called val or test'),
        ({'own/Valid': TWO, 'own/test': TWO}, 'Valid, but none called train'),
        ({'own/test': TWO, 'own/ant': TWO}, 'test, but none called train'),
        (
            {'own/train': TWO, 'own/val': TWO, 'own/valid': TWO},
            'has the folders val and valid: only one',
        ),
    ],
)
def test_wrong_folders(tmp_path, folders, message):
    """They are refused before files are listed."""
    for name, counts in folders.items():
        (tmp_path / name).mkdir(parents=True)
        classes(tmp_path / name, **counts)
    for look in (find_classes, partial(ImageFolder, lazy_init=True)):
        with pytest.raises(DataError, match=message):
            look(str(tmp_path / 'own'))


@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_class_without_images(given, split):
    folder = Path(given, split, 'cat')
    for path in folder.iterdir():
        path.unlink()
    message = rf'^The class folder "{folder}" has 0 image\(s\): at least 1 .*ppm must'
    with pytest.raises(DataError, match=message):
        ImageFolder(given, split=split)
    with pytest.raises(DataError, match='no folder test, which split'):
        ImageFolder(given, split='test')


def test_a_class_with_a_single_image_cannot_be_split(tmp_path):
    classes(tmp_path, ant=3, bee=1)
    message = r'bee" has 1 image\(s\): at least 2 .*, one for train and one for val.$'
    with pytest.raises(DataError, match=message):
        ImageFolder(str(tmp_path))
