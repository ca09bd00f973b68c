import os
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmcls.datasets.categories import IMAGENET_CATEGORIES
from mmengine.registry import DefaultScope
from mmengine.runner import Runner
from PIL import Image

from mmdsnas.datasets import ImageNet
from mmdsnas.errors import ConfigError, DataError
from mmdsnas.launch.run_config import load_config
from mmdsnas.utils.data_sets import LOADERS
from tests.jpegs import WNIDS, annotated, damage, jpeg, plain_folders

BOTH = ('openmmlab', 'official')


def listed(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    root = dataset.data_root
    return [(os.path.relpath(i['img_path'], root), i['gt_label']) for i in infos]


def refused(message, *args, error=DataError, **kwargs):
    with pytest.raises(error, match=message):
        ImageNet(*args, **kwargs)


@pytest.fixture
def folders(tmp_path):
    return str(plain_folders(tmp_path / 'imagenet', train=2, val=1))


@pytest.fixture
def lists(tmp_path):
    return str(annotated(tmp_path / 'imagenet', train=2, val=1))


TRAINED = [(f'train/{w}/{w}_{i}.JPEG', k) for k, w in enumerate(WNIDS) for i in (0, 1)]


def test_annotation_files(lists):
    train = ImageNet(data_root=lists, data_prefix='train')
    assert listed(train) == TRAINED
    val = ImageNet(data_root=lists, data_prefix=dict(img_path='val/'))
    assert listed(val) == [
        (f'val/ILSVRC2012_val_{label}0.JPEG', label) for label in range(3)
    ]
    assert train.CLASSES == val.CLASSES == IMAGENET_CATEGORIES


def test_plain_folders(folders):
    """Without hidden ones, and without other files."""
    jpeg(Path(folders, 'train', '.cache', 'x.JPEG'))
    Path(folders, 'train', WNIDS[0], 'note.txt').touch()
    train = ImageNet(data_root=folders, data_prefix='train')
    assert listed(train) == TRAINED
    val = ImageNet(data_root=folders, data_prefix='val')
    assert listed(val) == [
        (f'val/{wnid}/{wnid}_0.JPEG', label) for label, wnid in enumerate(WNIDS)
    ]
    assert train.CLASSES == val.CLASSES == WNIDS
    assert train.folder_to_idx == dict(zip(WNIDS, range(3), strict=True))


def test_ann_file_is_another_one(lists):
    """An empty name means the folders."""
    Path(lists, 'meta', 'few.txt').write_text('\nx/1.JPEG 2\n  \na name.JPEG  999\n')
    few = ImageNet('meta/few.txt', data_root=lists, data_prefix='train')
    assert listed(few) == [('train/x/1.JPEG', 2), ('train/a name.JPEG', 999)]
    train = ImageNet('', data_root=lists, data_prefix='train')
    assert len(train) == 6 and train.CLASSES == WNIDS


def test_names_of_all_classes(tmp_path):
    """1000 ids of WordNet have ImageNet's names, 1000 other folders do not."""
    for i in range(1000):
        jpeg(tmp_path / 'wordnet' / f'n{i:08d}' / 'x.JPEG', size=(2, 2))
        jpeg(tmp_path / 'others' / f'c{i:08d}' / 'x.JPEG', size=(2, 2))
    wordnet = ImageNet(data_root=str(tmp_path), data_prefix='wordnet')
    assert wordnet.CLASSES == IMAGENET_CATEGORIES
    others = ImageNet(data_root=str(tmp_path), data_prefix='others')
    assert others.CLASSES[999] == 'c00000999'


@pytest.mark.parametrize('kind', ['classes', 'metainfo'])
def test_names_of_the_classes_may_be_given(folders, monkeypatch, kind):
    def given(*names):
        return {kind: names if kind == 'classes' else dict(classes=names)}

    monkeypatch.setenv('HOME', os.path.dirname(folders))
    options = dict(data_root='~/imagenet', data_prefix='train')
    dataset = ImageNet(**options, **given('a', 'b', 'c'))
    assert tuple(dataset.CLASSES) == ('a', 'b', 'c')
    assert listed(dataset)[-1][1] == 2
    refused('classes given is 2: .*, 3.', error=ConfigError, **options, **given(*'ab'))


def test_other_arguments_of_the_base_class(folders):
    train = ImageNet(
        data_root=folders, data_prefix='train', indices=3, test_mode=True, max_corrupt=7
    )
    assert len(train) == 3
    assert (train.test_mode, train.max_corrupt) == (True, 7)
    lazy = ImageNet(data_root=folders + '/no', data_prefix='train', lazy_init=True)
    assert not lazy._fully_initialized


def test_data_root_alone_has_the_class_folders(folders):
    """A folder train beside it is another data set's, and there are no lists."""
    root = os.path.join(folders, 'val')
    os.mkdir(os.path.join(root, 'meta'))
    jpeg(Path(root, 'meta', 'x.JPEG'))
    os.rename(os.path.join(root, WNIDS[0]), os.path.join(root, 'other'))
    assert ImageNet(data_root=root).CLASSES == ('meta', *WNIDS[1:], 'other')


def test_empty_class_folders(tmp_path):
    root = plain_folders(tmp_path, wnids=[f'n{i}' for i in range(6)])
    for i in range(1, 6):
        for path in (root / 'train' / f'n{i}').iterdir():
            path.rename(path.with_suffix('.txt'))
    options = dict(data_root=str(root), data_prefix='train')
    refused("'n1', 'n2', .* have no images with .*.bmp, .jpeg, .jpg", **options)


@pytest.mark.parametrize('lacking', ['train', 'val'])
def test_other_class_folders_than_train(folders, lacking):
    """Without this all labels behind the missing class would be shifted."""
    path = os.path.join(folders, lacking, WNIDS[1])
    os.rename(path, os.path.join(folders, WNIDS[1]))
    message = f'"{folders}/val" and "{folders}/train" must have the same .*{WNIDS[1]}'
    refused(message, data_root=folders, data_prefix='val')


def loader_of(config, name):
    config[name].update(num_workers=0, persistent_workers=False, batch_size=2)
    with DefaultScope.overwrite_default_scope('mmdsnas'):
        return Runner.build_dataloader(config[name], seed=0)


@pytest.mark.parametrize('layout', [plain_folders, annotated])
@pytest.mark.parametrize('which', BOTH)
def test_base_configs_read_both_layouts(tmp_path, which, layout):
    """A relative data_root that is given once reaches all loaders."""
    root = str(layout(tmp_path / 'mine'))
    config = load_config(f'imagenet_bs128_{which}', dict(data_root=root))
    for name, split, length in zip(LOADERS, ('train', 'val', 'val'), (9, 6, 6)):
        assert config[name].batch_size == 128
        assert config[name].num_workers > 0
        assert config[name].persistent_workers == (name != 'train_dataloader')
        loader = loader_of(config, name)
        assert len(loader.dataset) == length
        assert loader.dataset.test_mode == (split == 'val')
        assert loader.dataset.img_prefix == f'{root}/{split}'
        batch = next(iter(loader))
        assert batch['inputs'].shape == (2, 3, 224, 224)


@pytest.mark.parametrize('which', BOTH)
def test_base_configs_skip_in_training_alone(tmp_path, which):
    root = plain_folders(tmp_path)
    for split in ('train', 'val'):
        damage(root / split / WNIDS[0] / f'{WNIDS[0]}_0.JPEG', 'truncated')
    config = load_config(f'imagenet_bs128_{which}', dict(data_root=str(root)))
    train = loader_of(config, 'train_dataloader')
    assert sum(len(batch['inputs']) for batch in train) == 9
    assert train.dataset.num_corrupt == 1
    for name in LOADERS[1:]:
        with pytest.raises(DataError, match='no image is skipped in test mode'):
            list(loader_of(config, name))


def turned(path, size=(300, 360)):
    """A JPEG whose EXIF data say that it lies on its side."""
    jpeg(path, 1, size)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.open(path).save(path, 'JPEG', exif=exif)
    return path


@pytest.mark.parametrize('which', BOTH)
def test_test_images(tmp_path, which):
    """Short edge to 256 and the middle 224: by Pillow as it lies in the file, or by
    OpenCV as it was taken."""
    root = plain_folders(tmp_path, val=1)
    path = turned(root / 'val' / WNIDS[0] / f'{WNIDS[0]}_0.JPEG')
    config = load_config(f'imagenet_bs128_{which}', dict(data_root=str(root)))
    got = loader_of(config, 'test_dataloader').dataset[0]['inputs']
    middle, top = round((307 - 224) / 2), 16
    if which == 'official':
        whole = Image.open(path).convert('RGB').resize((307, 256), Image.BILINEAR)
        wanted = np.asarray(whole)[top:, middle:, ::-1]
    else:
        wanted = cv2.resize(cv2.imread(str(path)), (256, 307))[middle:, top:]
    assert np.array_equal(got.numpy().transpose(1, 2, 0), wanted[:224, :224])


@pytest.mark.parametrize('which, backend', [(BOTH[0], 'cv2'), (BOTH[1], 'pillow')])
def test_training_pipelines(tmp_path, which, backend):
    """Random crops of 8 to 100 % with sides of 3:4 to 4:3, and flips."""
    options = dict(data_root=str(plain_folders(tmp_path)))
    config = load_config(f'imagenet_bs128_{which}', options)
    train = loader_of(config, 'train_dataloader').dataset
    load, crop, flip, pack = train.pipeline.transforms
    assert load.imdecode_backend == crop.backend == backend
    assert (crop.scale, crop.interpolation) == ((224, 224), 'bilinear')
    assert crop.crop_ratio_range == (0.08, 1.0)
    assert crop.aspect_ratio_range == (3 / 4, 4 / 3)
    assert (flip.prob, flip.direction) == (0.5, 'horizontal')
    assert type(pack).__name__ == 'PackClsInputs'
    preprocessor = config.data_preprocessor
    assert preprocessor.to_rgb
    assert preprocessor.mean == pytest.approx(np.multiply((0.485, 0.456, 0.406), 255))
    assert preprocessor.std == pytest.approx(np.multiply((0.229, 0.224, 0.225), 255))


def test_missing_folders(tmp_path, lists):
    refused('data_root of ImageNet is not set', error=ConfigError)
    options = dict(data_root=str(tmp_path), data_prefix='no')
    refused(f'The folder "{tmp_path}/no" does not exist', **options)
    options = dict(data_root=lists, data_prefix='val')
    refused(f'"{lists}/val" has no class folders', '', **options)
    os.remove(os.path.join(lists, 'meta', 'val.txt'))
    for name in (None, 'meta/val.txt'):
        refused(f'file "{lists}/meta/val.txt" does not exist', name, **options)


@pytest.mark.parametrize(
    'line', ['a.JPEG', 'a 1.JPEG', 'a.JPEG -1', 'a.JPEG 1000', '5', 'a.JPEG cat']
)
def test_annotation_without_a_class(lists, line):
    path = Path(lists, 'meta', 'train.txt')
    options = dict(data_root=lists, data_prefix='train')
    refused('Line 5 of .* number from 0 to 1[.]', classes=['a', 'b'], **options)
    path.write_text(path.read_text() + line)
    refused(f'Line 7 of "{path}" is {line!r}: .* number from 0 to 999', **options)
    path.write_text('\n')
    refused(f'annotation file "{path}" has no images', **options)
