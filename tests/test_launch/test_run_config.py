import re

import pytest
from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.launch import run_config, run_steps
from mmdsnas.launch.given_options import Given
from mmdsnas.utils.data_sets import LOADERS
from tests.pictures import write_images

WRAPPER = 'AmpOptimWrapper'


def load(options=None, name='dsnas_supernet_1xb64_digits'):
    return run_config.load_config(name, options)


@pytest.fixture
def images(tmp_path):
    for name in 'abc':
        write_images(tmp_path / name, 2)
    return tmp_path


@pytest.mark.parametrize(
    'option, others, classes',
    [
        ('data_root', {}, 3),
        ('train_dataloader.dataset.data_root', {}, 3),
        ('data_root', {'model.architecture.head.num_classes': 7}, 7),
    ],
)
def test_classes_are_counted_from_the_folders(images, option, others, classes):
    options = {option: str(images), **others}
    config = run_config.load_config('dsnas_supernet_1xb64_folder', options)
    assert config.model.architecture.head.num_classes == classes
    roots = [config[loader].dataset.data_root for loader in LOADERS]
    others = roots[0] if option == 'data_root' else 'data/images'
    assert roots == [str(images), others, others]


def test_nothing_to_count_classes_in():
    with pytest.raises(ConfigError, match='num_classes of the model is None'):
        load({'model.architecture.head.num_classes': None})


@pytest.mark.parametrize(
    'name, images, factor',
    [('dsnas_supernet_1xb64_digits', 16, 0.25), ('dsnas_subnet_1xb64_digits', 128, 2)],
)
def test_scale_lr_leaves_alpha_alone(name, images, factor):
    options = {'train_dataloader.batch_size': images, 'auto_scale_lr.enable': True}
    config = run_config.load_config(name, options)
    wrapper = config.optim_wrapper
    weights = wrapper.get('architecture', wrapper).optimizer
    lr = weights.lr
    run_steps.scale_lr(config, Given())
    assert weights.lr == pytest.approx(lr * factor)
    assert wrapper.get('mutator') is None or wrapper.mutator.optimizer.lr == 0.02
    assert not config.auto_scale_lr.enable


def test_scale_lr_needs_a_base():
    with pytest.raises(ConfigError, match='auto_scale_lr = dict.base_batch_size'):
        run_steps.scale_lr(Config(dict(auto_scale_lr=dict(enable=True))), Given())


@pytest.mark.parametrize(
    'name, device, own, amp',
    [
        ('dsnas_supernet_1xb64_digits', 'cpu', None, {}),
        ('dsnas_supernet_1xb64_digits', 'cpu', *[dict(dtype='bfloat16')] * 2),
        ('dsnas_subnet_1xb64_digits', 'cuda', None, None),
    ],
)
def test_amp(monkeypatch, name, device, own, amp):
    monkeypatch.setattr(run_steps, 'get_device', lambda: device)
    config = run_config.load_config(name)
    if own:
        config.optim_wrapper.amp = own
    run_steps.enable_amp(config, Given(amp=True))
    assert config.optim_wrapper.get('amp') == amp
    assert config.optim_wrapper.get('type') == (None if amp is not None else WRAPPER)


def test_amp_of_a_child_needs_a_gpu(monkeypatch):
    monkeypatch.setattr(run_steps, 'get_device', lambda: 'cpu')
    with pytest.raises(ConfigError, match='--amp needs a GPU'):
        run_steps.enable_amp(load(name='dsnas_subnet_1xb64_digits'), Given(amp=True))


@pytest.mark.parametrize('device, ids', [('cpu', None), ('cuda', 'unset')])
def test_device(monkeypatch, device, ids):
    monkeypatch.setattr(run_steps, 'get_device', lambda: device)
    config = load({'train_dataloader.num_workers': 0})
    config.val_dataloader.update(num_workers=1, persistent_workers=True)
    run_steps.use_device(config, Given())
    assert config.model_wrapper_cfg.get('device_ids', 'unset') == ids
    assert config.train_dataloader.pin_memory == (device != 'cpu')
    # No worker can persist where there is none.
    assert not config.train_dataloader.persistent_workers
    assert config.val_dataloader.persistent_workers


@pytest.mark.parametrize(
    'options, folder',
    [({}, 'work_dirs/dsnas_supernet_1xb64_digits'), (dict(work_dir='mine'), 'mine')],
)
def test_work_dir(options, folder):
    config = load(options)
    run_steps.set_work_dir(config, Given())
    assert config.work_dir == folder


@pytest.mark.parametrize(
    'given, file',
    [({}, 'mine/latency.json'), (dict(file='a'), 'a'), (dict(file=None), None)],
)
def test_the_table_of_latencies_is_kept_in_the_work_dir(given, file):
    options = {'model.resource_estimator.latency': given, 'work_dir': 'mine'}
    config = load(options)
    run_steps.set_work_dir(config, Given())
    assert config.model.resource_estimator.latency == dict(file=file)


def test_option_that_no_one_reads():
    message = "has 'dataroot', .* no option 'dataroot' \\(nearest: 'data_root'\\)"
    with pytest.raises(ConfigError, match=message):
        run_config.load_config('dsnas_supernet_8xb128_in1k', {'dataroot': 'x'})
    with pytest.raises(ConfigError, match="no option 'data_root'"):
        load({'data_root': 'x'})


@pytest.mark.parametrize(
    'option, warns',
    [
        ('max_epochs', True),
        ('norm_cfg.eps', True),
        ('train_cfg.max_epochs', False),
        ('auto_scale_lr.enable', False),
        ('load_from', False),
        ('model_wrapper_cfg.find_unused_parameters', False),
        ('sync_bn', False),
    ],
)
def test_option_that_only_serves_others(capsys, option, warns):
    load({option: 3})
    told, warned = capsys.readouterr()
    assert (f'has {option!r}, which only serves' in warned) == warns
    assert not told


@pytest.mark.parametrize('crop', [224, 64])
def test_costs_of_other_images_than_those_of_the_search(monkeypatch, crop):
    told = []
    monkeypatch.setattr(
        run_steps, 'print_log', lambda text, *_, **__: told.append(text)
    )
    options = {'test_dataloader.dataset.pipeline.2.crop_size': crop}
    config = load(options, 'dsnas_supernet_8xb128_in1k')
    run_steps.check_input_shape(config, Given())
    assert ['gives images of 64 x 64' in text for text in told] == [True] * (crop == 64)


@pytest.mark.parametrize(
    'name, value',
    [
        ('custom_hooks.99.type', 'x'),
        ('custom_hooks.x.type', 3),
        ('custom_hooks.0', 3),
        ('model.mutator.init_std.x', 3),
    ],
)
def test_an_option_that_has_no_place_is_named(name, value):
    options = {'work_dir': 'x', name: value, 'model.mutator.init_mean': 0.0}
    with pytest.raises(ConfigError, match=f"has '{re.escape(name)}', but the config"):
        load(options)


def test_hooks_are_changed_removed_and_added_by_name():
    options = {
        'default_hooks.non_finite.max_consecutive': 3,
        'default_hooks.report': None,
        'default_hooks.timer': None,
        'default_hooks.recalibrate_bn.type': 'RecalibrateBNHook',
    }
    config = load(options)
    hooks = config.default_hooks
    assert hooks.non_finite == dict(type='NonFiniteHook', max_consecutive=3)
    assert hooks.recalibrate_bn == dict(type='RecalibrateBNHook')
    # mmengine removes its own alone.
    assert 'report' not in hooks and hooks.timer is None


def test_options_that_have_no_place_beside_each_other():
    options = {'vis_backends': 3, 'vis_backends.0.x': 3}
    with pytest.raises(ConfigError, match="'vis_backends' and 'vis_backends.0.x', but"):
        load(options)
