"""What holds for each data set that is not mmcls's own."""

import pytest
import torch
from mmcls.registry import DATASETS as MMCLS_DATASETS
from mmengine.registry import DefaultScope
from mmengine.runner import Runner

from mmdsnas.errors import ConfigError
from mmdsnas.registry import DATASETS
from tests.pictures import write_images
from tests.test_datasets.test_fashion_mnist import write

OTHER = dict(Digits='test', FashionMNIST='test', ImageFolder='val')


@pytest.fixture(params=OTHER)
def config(request, tmp_path):
    """A small data set in the pipeline of a training."""
    options = {}
    if request.param == 'FashionMNIST':
        options['data_root'] = str(write(tmp_path))
    if request.param == 'ImageFolder':
        options['data_root'] = str(tmp_path)
        for start, name in enumerate(('ant', 'bee')):
            write_images(tmp_path / name, 20, start=100 * start)
    load = [dict(type='LoadImageFromFile')] if request.param == 'ImageFolder' else []
    crop = dict(type='mmcls.RandomCrop', crop_size=12, padding=2)
    pack = dict(type='mmcls.PackClsInputs')
    pipeline = [*load, dict(type='Resize', scale=16), crop, pack]
    return dict(type=request.param, pipeline=pipeline, **options)


def contents(dataset):
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    images = [info.get('img_path') or info['img'].tobytes() for info in infos]
    return list(zip(images, dataset.get_gt_labels(), strict=True))


def test_built_by_name(config):
    built = DATASETS.build(config)
    assert type(built).__name__ == config['type']
    assert built[0]['inputs'].shape == (3, 12, 12)
    assert type(built.get_data_info(0)['gt_label']) is int
    with DefaultScope.overwrite_default_scope('mmcls'):
        theirs = MMCLS_DATASETS.build({**config, 'type': f'mmdsnas.{config["type"]}'})
    assert type(theirs) is type(built)


def test_split_follows_test_mode_unless_given(config):
    other = OTHER[config['type']]
    assert DATASETS.build(config).split == 'train'
    assert DATASETS.build(dict(**config, test_mode=True)).split == other
    given = DATASETS.build(dict(**config, test_mode=True, split='train'))
    assert given.split == 'train' and given.test_mode is True
    assert f'Split: \t{given.split}' in repr(given)


def test_arguments_of_the_base_class(config):
    lazy = DATASETS.build(dict(**config, lazy_init=True))
    assert not lazy._fully_initialized
    lazy.full_init()
    plain = DATASETS.build(dict(**config, serialize_data=False))
    assert contents(lazy) == contents(plain)
    assert plain.data_list and not lazy.data_list
    few = DATASETS.build(dict(**config, indices=5, metainfo=dict(author='me')))
    assert contents(few) == contents(plain)[:5]
    assert few.metainfo['author'] == 'me' and few.CLASSES == plain.CLASSES


@pytest.mark.parametrize('num_workers', [0, 1])
def test_a_data_loader_gives_packed_inputs(config, num_workers):
    dataset = {**config, 'split': OTHER[config['type']]}
    options = dict(sampler=dict(type='DefaultSampler', shuffle=False), batch_size=4)
    options.update(dataset=dataset, num_workers=num_workers)
    with DefaultScope.overwrite_default_scope('mmdsnas'):
        loader = Runner.build_dataloader(options)
    batch = next(iter(loader))
    assert [x.shape for x in batch['inputs']] == [(3, 12, 12)] * 4
    assert batch['inputs'][0].dtype == torch.uint8
    labels = [sample.gt_label.label.item() for sample in batch['data_samples']]
    assert labels == DATASETS.build(dataset).get_gt_labels()[:4].tolist()


def test_wrong_split(config):
    message = f"^split of {config['type']} must be .*train.*, but is 'all'.$"
    with pytest.raises(ConfigError, match=message):
        DATASETS.build(dict(**config, split='all', lazy_init=True))
