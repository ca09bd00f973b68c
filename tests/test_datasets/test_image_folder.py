import os
import re
from collections import Counter

import cv2
import numpy as np
import pytest
import torch
from mmcls.registry import DATASETS as MMCLS_DATASETS
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmdsnas.datasets import ImageFolder, find_classes, image_folder
from mmdsnas.errors import ConfigError, DataError
from mmdsnas.registry import DATASETS

PIPELINE = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(20, 20)),
    dict(type='mmcls.RandomCrop', crop_size=16),
    dict(type='mmcls.PackClsInputs'),
]


def image(path, value=0):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((9, 12, 3), value, np.uint8)
    assert cv2.imwrite(str(path), pixels)


def classes(root, **counts):
    """Writes class folders with so many images each."""
    for name, count in counts.items():
        (root / name).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            image(root / name / f'{i:03d}.png', i)
    return str(root)


def listed(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [
        (os.path.relpath(info['img_path'], dataset.data_root), info['gt_label'])
        for info in infos
    ]


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
    monkeypatch.setattr(
        image_folder,
        'print_log',
        lambda message, logger=None: messages.append((message, logger)),
    )
    return messages


def test_train_and_val_folders_are_the_splits(given, said):
    train, val = ImageFolder(given, split='train'), ImageFolder(given, split='val')
    assert listed(train) == [
        ('train/ant/000.png', 0),
        ('train/ant/001.png', 0),
        ('train/ant/002.png', 0),
        ('train/ant/003.png', 0),
        ('train/cat/000.png', 1),
        ('train/cat/001.png', 1),
        ('train/cat/002.png', 1),
    ]
    assert listed(val) == [
        ('val/ant/000.png', 0),
        ('val/cat/000.png', 1),
        ('val/cat/001.png', 1),
    ]
    assert train.CLASSES == val.CLASSES == find_classes(given) == ('ant', 'cat')
    assert type(train.get_data_info(0)['gt_label']) is int
    assert not said


def test_splits_with_one_image_per_class(tmp_path):
    classes(tmp_path / 'train', ant=1, bee=1)
    classes(tmp_path / 'val', ant=1, bee=1)
    assert len(ImageFolder(str(tmp_path))) == 2


def test_val_may_lack_a_class_and_keeps_the_labels_of_train(tmp_path):
    classes(tmp_path / 'train', ant=2, bee=2, cat=2)
    classes(tmp_path / 'val', ant=1, cat=1)
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
    'ratio, counts',
    [
        (0.5, {0: 10, 1: 1, 2: 5}),
        (0.01, {0: 1, 1: 1, 2: 1}),
        (0.99, {0: 19, 1: 1, 2: 9}),
    ],
)
def test_val_ratio_leaves_each_class_an_image_on_both_sides(drawn, ratio, counts):
    val = ImageFolder(drawn, split='val', val_ratio=ratio)
    assert Counter(val.get_gt_labels().tolist()) == counts
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
    walk, listdir = os.walk, os.listdir
    monkeypatch.setattr(
        os,
        'walk',
        lambda top, **_: [
            (parent, folders, sorted(names, reverse=True))
            for parent, folders, names in walk(top)
        ],
    )
    monkeypatch.setattr(os, 'listdir', lambda top: sorted(listdir(top), reverse=True))
    assert listed(ImageFolder(moved, split='val')) == first
    # a class that is added does not change the draw of the others
    classes(tmp_path / 'moved', dog=7)
    more = listed(ImageFolder(moved, split='val'))
    assert [item for item in more if item[1] < 3] == first


def test_the_draw_is_said_once(drawn, said):
    ImageFolder(drawn, split='train')
    ImageFolder(drawn, split='val')
    assert said == [
        (
            f'"{drawn}" has no folder val: of 32 images 7 are held out as val '
            '(val_ratio=0.2 of each class), 25 are left for train.',
            'current',
        )
    ]


def test_which_files_are_images(tmp_path):
    root = tmp_path / 'own'
    wanted = [
        'a.jpg',
        'b.JPEG',
        'c.png',
        'd.bmp',
        'e.tif',
        'f.TIFF',
        'g.webp',
        'h.PPM',
        'deep/er/i.Jpg',
    ]
    for name in wanted:
        image(root / 'train' / 'ant' / name)
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


def test_split_follows_test_mode_unless_given(given):
    assert ImageFolder(given).split == 'train'
    assert ImageFolder(given, test_mode=True).split == 'val'
    dataset = ImageFolder(given, split='train', test_mode=True)
    assert dataset.split == 'train' and dataset.test_mode is True


def test_corrupt_images_are_skipped_in_training_alone(given):
    """Whatever a config says of test mode, which one for val may leave out."""
    for split in ('train', 'val'):
        path = os.path.join(given, split, 'cat', '000.png')
        with open(path, 'wb') as file:
            file.write(b'not an image')
    train = ImageFolder(given, pipeline=PIPELINE, max_corrupt=1)
    assert [train[i]['data_samples'].sample_idx for i in (3, 4, 5)] == [3, 5, 5]
    assert train.num_corrupt == 1
    val = ImageFolder(given, pipeline=PIPELINE, split='val')
    with pytest.raises(DataError, match='no image is skipped in test mode'):
        val[1]
    with pytest.raises(ConfigError, match='^max_corrupt of ImageFolder .*but is -1'):
        ImageFolder(given, max_corrupt=-1)


def test_arguments_of_the_base_class(given):
    lazy = ImageFolder(given, lazy_init=True)
    assert not lazy._fully_initialized and lazy.CLASSES == ('ant', 'cat')
    lazy.full_init()
    plain = ImageFolder(given, serialize_data=False)
    assert listed(lazy) == listed(plain)
    assert plain.data_list and not lazy.data_list
    assert plain._fully_initialized
    assert listed(ImageFolder(given, indices=2)) == listed(plain)[:2]
    dataset = ImageFolder(given, metainfo=dict(author='me'))
    assert dataset.metainfo == dict(author='me', classes=('ant', 'cat'))
    assert given in repr(dataset) and 'Split: \ttrain' in repr(dataset)


@pytest.mark.parametrize('kind', ['metainfo', 'classes'])
def test_classes_may_set_the_order_of_the_labels(given, kind):
    names = ['cat', 'ant']
    given_as = names if kind == 'classes' else dict(classes=names)
    dataset = ImageFolder(given, split='val', **{kind: given_as})
    assert listed(dataset) == [
        ('val/ant/000.png', 1),
        ('val/cat/000.png', 0),
        ('val/cat/001.png', 0),
    ]


@pytest.mark.parametrize('names', [('ant',), ('ant', 'dog'), ('ant', 'cat', 'cat')])
def test_other_classes_than_the_folders(given, names):
    with pytest.raises(
        ConfigError,
        match=(
            f'^The classes given are {", ".join(names)}: they must be the class '
            'folders ant, cat, in any order.$'
        ),
    ):
        ImageFolder(given, metainfo=dict(classes=names), lazy_init=True)


def test_home_folder(given, monkeypatch):
    monkeypatch.setenv('HOME', os.path.dirname(given))
    assert find_classes('~/own') == ('ant', 'cat')
    assert len(ImageFolder('~/own')) == 7


@pytest.mark.parametrize('num_workers', [0, 1])
def test_a_data_loader_gives_packed_inputs(drawn, num_workers):
    with DefaultScope.overwrite_default_scope('mmdsnas'):
        loader = Runner.build_dataloader(
            dict(
                dataset=dict(
                    type='ImageFolder', data_root=drawn, split='val', pipeline=PIPELINE
                ),
                sampler=dict(type='DefaultSampler', shuffle=False),
                num_workers=num_workers,
                batch_size=7,
            )
        )
    batch = next(iter(loader))
    assert [x.shape for x in batch['inputs']] == [(3, 16, 16)] * 7
    assert batch['inputs'][0].dtype == torch.uint8
    for x, sample, (path, label) in zip(
        batch['inputs'],
        batch['data_samples'],
        listed(ImageFolder(drawn, split='val')),
        strict=True,
    ):
        assert sample.gt_label.label.item() == label
        assert os.path.relpath(sample.img_path, drawn) == path
        assert (x == int(path[-7:-4])).all()


def test_built_by_name(given):
    config = dict(data_root=given, pipeline=PIPELINE)
    built = DATASETS.build(dict(type='ImageFolder', **config))
    assert isinstance(built, ImageFolder)
    assert built[0]['inputs'].shape == (3, 16, 16)
    with DefaultScope.overwrite_default_scope('mmcls'):
        built = MMCLS_DATASETS.build(dict(type='mmdsnas.ImageFolder', **config))
    assert isinstance(built, ImageFolder)


def both_refuse(root, message):
    """Checks the class folders' errors, also before files are listed."""
    with pytest.raises(DataError, match=f'^{message}$'):
        find_classes(str(root))
    with pytest.raises(DataError, match=f'^{message}$'):
        ImageFolder(str(root), lazy_init=True)


def test_wrong_split(given):
    with pytest.raises(
        ConfigError,
        match="^split of ImageFolder must be 'train', 'val' or 'test', but is 'all'.",
    ):
        ImageFolder(given, split='all', lazy_init=True)
    with pytest.raises(DataError, match='no folder test, which split'):
        ImageFolder(given, split='test')


def test_wrong_val_ratio(given):
    with pytest.raises(
        ConfigError, match='^val_ratio of ImageFolder must be .*but is 20'
    ):
        ImageFolder(given, val_ratio=20, lazy_init=True)


@pytest.mark.parametrize('unset', [None, ''])
def test_unset_data_root(unset):
    message = '^data_root of ImageFolder is not set: give the folder that has'
    with pytest.raises(ConfigError, match=message):
        ImageFolder(unset)
    with pytest.raises(ConfigError, match=message):
        find_classes(unset)


def test_missing_folder(tmp_path):
    both_refuse(
        tmp_path / 'no',
        (
            f'The folder "{tmp_path / "no"}" does not exist: data_root must be a '
            'folder that has one folder of images per class; --cfg-options '
            'data_root=FOLDER gives it.'
        ),
    )


def test_no_class_folders(tmp_path):
    image(tmp_path / 'loose.png')
    both_refuse(
        tmp_path,
        f'"{tmp_path}" has no class folders: it must have at '
        'least two folders of images, one per class.',
    )


def test_only_one_class(tmp_path):
    classes(tmp_path, ant=3)
    both_refuse(
        tmp_path,
        f'"{tmp_path}" has only the class folder "ant": it '
        'must have at least two folders of images, one per class.',
    )


def test_val_without_class_folders(tmp_path):
    classes(tmp_path / 'train', ant=3, bee=3)
    (tmp_path / 'val').mkdir()
    both_refuse(
        tmp_path,
        f'"{tmp_path / "val"}" has no class folders: it must '
        f'have those of "{tmp_path / "train"}".',
    )


def test_val_with_classes_of_its_own(tmp_path):
    classes(tmp_path / 'train', ant=3, bee=3)
    classes(tmp_path / 'val', ant=1, cat=1, dog=1)
    both_refuse(
        tmp_path,
        (
            rf'"{tmp_path / "val"}" has the class folder\(s\) cat, dog: only the '
            f'classes of "{tmp_path / "train"}" are allowed.'
        ),
    )


@pytest.mark.parametrize(
    'names, wanted',
    [
        (['train', 'ant'], 'has the folder train, but none called val or test'),
        (['Valid', 'test'], 'has the folder Valid, but none called train'),
        (['test', 'ant'], 'has the folder test, but none called train'),
        (['train', 'val', 'valid'], 'has the folders val and valid: only one'),
        (['Train', 'train', 'val'], 'has the folders Train and train: only one'),
    ],
)
def test_folders_of_splits_that_do_not_belong_together(tmp_path, names, wanted):
    for name in names:
        classes(tmp_path / name, ant=3, bee=3)
    both_refuse(tmp_path, f'"{tmp_path}" {wanted}.*')


@pytest.mark.parametrize(
    'train, val, test',
    [
        ('train', 'val', 'test'),
        ('train', 'valid', 'Test'),
        ('Train', 'validation', None),
        ('training', 'Validation', 'testing'),
        ('train', None, 'test'),
    ],
)
def test_names_of_the_splits(tmp_path, train, val, test):
    """Without val, a part of train is held out; test is read for itself."""
    numbers = dict(train=10, val=3, test=4)
    names = dict(train=train, val=val, test=test)
    names = {split: name for split, name in names.items() if name}
    for split, name in names.items():
        classes(tmp_path / name, ant=numbers[split], bee=numbers[split])
    if val is None:
        numbers.update(train=8, val=2)
    for split in numbers if test else ('train', 'val'):
        data = ImageFolder(str(tmp_path), split=split)
        assert data.get_gt_labels().tolist().count(1) == numbers[split]
        folder = f'{tmp_path}/{names.get(split, train)}/'
        paths = [data.get_data_info(i)['img_path'] for i in range(len(data))]
        assert all(path.startswith(folder) for path in paths)
        assert data.test_mode == (split != 'train')


def test_splits_may_be_names_of_classes(tmp_path):
    classes(tmp_path, train=3, test=3)
    assert find_classes(str(tmp_path)) == ('test', 'train')


def test_train_may_be_a_class(tmp_path):
    classes(tmp_path, bus=3, train=3)
    classes(tmp_path / 'train', steam=1)
    assert find_classes(str(tmp_path)) == ('bus', 'train')
    assert len(ImageFolder(str(tmp_path), split='val')) == 2


@pytest.mark.parametrize('split', ['train', 'val'])
def test_a_class_without_images(given, split):
    folder = os.path.join(given, split, 'cat')
    for name in os.listdir(folder):
        os.remove(os.path.join(folder, name))
    with pytest.raises(
        DataError,
        match=(
            rf'^The class folder "{folder}" has 0 image\(s\): at least 1 with '
            'the ending .jpg, .jpeg, .png, .bmp, .tif, .tiff, .webp, .ppm must '
            'be there.$'
        ),
    ):
        ImageFolder(given, split=split)


def test_a_class_with_a_single_image_cannot_be_split(tmp_path):
    classes(tmp_path, ant=3, bee=1)
    with pytest.raises(
        DataError,
        match=(
            rf'^The class folder "{tmp_path / "bee"}" has 1 image\(s\): at '
            'least 2 with .* must be there, one for train and one for val.$'
        ),
    ):
        ImageFolder(str(tmp_path))


def test_an_image_without_content(tmp_path):
    classes(tmp_path, ant=3, bee=3)
    empty, dead = tmp_path / 'ant' / 'x.png', tmp_path / 'ant' / 'y.png'
    empty.touch()
    message = '^The image "{}" is empty or a dead link: replace or remove it.$'
    with pytest.raises(DataError, match=message.format(re.escape(str(empty)))):
        ImageFolder(str(tmp_path))
    empty.unlink()
    dead.symlink_to(tmp_path / 'nothing.png')
    with pytest.raises(DataError, match=message.format(re.escape(str(dead)))):
        ImageFolder(str(tmp_path))
