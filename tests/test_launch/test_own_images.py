import pytest
from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.launch.given_options import Given
from mmdsnas.launch.own_images import apply_plan
from mmdsnas.launch.run_config import LOADED, load_config, prepared
from mmdsnas.launch.training_plan import TrainingPlan, plan_for
from mmdsnas.utils.data_sets import LOADERS
from mmdsnas.utils.paths import find_config
from tests.pictures import write_images

SEARCH, CHILD = 'dsnas_supernet_1xb64_folder', 'dsnas_subnet_1xb64_folder'


def sizes_of(config, loader='test'):
    """What the transforms of a loader set."""
    pipeline = config[f'{loader}_dataloader'].dataset.pipeline
    return [t.get('scale') or t.get('crop_size') for t in pipeline]


@pytest.fixture
def images(tmp_path):
    """40 images to train on and 10 to validate on, grey, 70 pixels high."""
    for name in ('ant', 'bee'):
        write_images(tmp_path / 'own' / name, 25, (70, 90))
    (tmp_path / 'own' / 'ant' / 'bad.png').write_bytes(b'x')
    return str(tmp_path / 'own')


@pytest.mark.parametrize(
    'num_images, size, plan',
    [
        # Of the digits, enlarged to 64 x 64: what their own config has.
        (1438, (64, 64), TrainingPlan(64, 45, 64)),
        (160, (28, 28), TrainingPlan(64, 80, 16)),
        (1, (1, 1), TrainingPlan(64, 80, 16)),
        (511, (65, 300), TrainingPlan(96, 80, 16)),
        (512, (300, 96), TrainingPlan(96, 80, 32)),
        (1600, (97, 97), TrainingPlan(128, 40, 64)),
        (10**6, (3000, 4000), TrainingPlan(128, 20, 64)),
    ],
)
def test_what_suits_an_amount_of_data(num_images, size, plan):
    assert plan_for(num_images, size) == plan


def test_a_search_is_fitted(images):
    config = load_config(SEARCH, dict(data_root=images))
    model, optim = config.model, config.optim_wrapper
    assert model.architecture.head.num_classes == 2
    assert model.resource_estimator.input_shape == (1, 3, 96, 96)
    assert (model.pretrain_epochs, model.finetune_epochs) == (4, 12)
    assert config.train_cfg.max_epochs == 80
    assert config.train_dataloader.batch_size == 16
    # 0.1 is that of a batch of 64.
    assert optim.architecture.optimizer.lr == pytest.approx(0.1 * 16 / 64)
    assert optim.mutator.optimizer.lr == 0.02
    assert config.auto_scale_lr.base_batch_size == 16
    warm_up, cosine = config.param_scheduler.architecture
    assert (warm_up.end, cosine.begin, cosine.T_max, cosine.end) == (2, 2, 78, 80)
    # 20 validations; three steps an epoch.
    assert config.train_cfg.val_interval == config.default_hooks.checkpoint.interval
    assert config.train_cfg.val_interval == 4
    assert config.default_hooks.logger.interval == 1
    for name in LOADERS:
        assert config[name].dataset.left_out == ['ant/bad.png']
    assert sizes_of(config, 'train') == [None, 96, None, None]
    assert sizes_of(config, 'val') == sizes_of(config) == [None, 110, 96, None]
    assert config.own_images.input_size == 96
    assert config.own_images.found['images'] == dict(
        train=[['ant', 20], ['bee', 20]], val=[['ant', 5], ['bee', 5]]
    )


@pytest.mark.parametrize('own', [None, dict(val_ratio=0.4, input_size=80)])
@pytest.mark.parametrize('split', ['val', 'test'])
def test_images_of_a_hook_are_those_of_the_other_loaders(images, own, split):
    """There are none to test on."""
    config = load_config(SEARCH, resolve=False)
    held_out = dict(config.val_dataloader)
    held_out['dataset'] = dict(held_out['dataset'], split=split)
    hook = dict(type='SelectChildHook', strategy=dict(type='RandomSelection'))
    config.default_hooks.select_child = dict(hook, dataloader=held_out)
    config = load_config(config, dict(data_root=images, own_images=own))
    found = config.default_hooks.select_child.dataloader.dataset
    assert found == config.val_dataloader.dataset and found.data_root == images
    assert found.pipeline[2].crop_size == (80 if own else 96)
    assert found.get('left_out') == (['ant/bad.png'] if own else None)
    assert found.get('val_ratio') == (own and 0.4) and found.split == 'val'


def test_one_part_is_held_out_in_all_data_sets(images):
    config = load_config(SEARCH, {'data_root': images, 'own_images.val_ratio': 0.4})
    assert {config[name].dataset.val_ratio for name in LOADERS} == {0.4}
    assert config.own_images.found['images']['val'] == [['ant', 10], ['bee', 10]]
    options = {'data_root': images, 'train_dataloader.dataset.val_ratio': 0.1}
    with pytest.raises(ConfigError, match="^own_images.val_ratio .*_ratio': 0.1"):
        load_config(SEARCH, options)


def test_other_folders_keep_their_files(images, tmp_path):
    for name in ('ant', 'bee'):
        write_images(tmp_path / 'other' / name, 5)
    other = str(tmp_path / 'other')
    options = {'data_root': images, 'test_dataloader.dataset.data_root': other}
    config = load_config(SEARCH, options)
    assert config.val_dataloader.dataset.left_out == ['ant/bad.png']
    assert not config.test_dataloader.dataset.get('left_out')


@pytest.mark.parametrize('config', [SEARCH, CHILD])
def test_a_network_that_is_known_needs_no_images(config):
    """Its folder is not there."""
    config = load_config(config, input_size=96, num_classes=7)
    model = config.model.get('architecture', config.model.get('cfg'))
    assert model.head.num_classes == 7
    assert sizes_of(config) == [None, 110, 96, None]
    estimator = config.model.get('resource_estimator')
    assert estimator is None or estimator.input_shape == (1, 3, 96, 96)


def test_a_child_is_fitted(images):
    config = load_config(CHILD, dict(data_root=images), input_size=64)
    assert config.model.cfg.head.num_classes == 2
    assert config.test_dataloader.dataset.pipeline[2].crop_size == 64
    assert config.train_cfg.max_epochs == 80
    assert config.optim_wrapper.optimizer.lr == pytest.approx(0.1 * 16 / 64)
    assert config.param_scheduler[1].end == 80


COSINE = dict(type='CosineAnnealingLR', T_max=45, end=45)
FITTED = dict(COSINE, T_max=9, end=9)


@pytest.mark.parametrize(
    'given, fitted',
    [
        (COSINE, FITTED),
        ([COSINE], [FITTED]),
        (None, None),
        (dict(architecture=COSINE), dict(architecture=FITTED, mutator=[])),
    ],
)
def test_schedules_of_any_form_are_fitted(images, given, fitted):
    config = Config.fromfile(str(find_config(SEARCH)))
    config.param_scheduler = given
    found = load_config(config, {'data_root': images, 'own_images.epochs': 9})
    assert found.param_scheduler == fitted


@pytest.mark.parametrize('size, edge', [(32, 85), (96, 256), (224, 597)])
def test_no_part_of_a_reduced_image_is_enlarged(images, size, edge):
    """Neither in training, with 0.4 of the image at 3 to 4, nor in a test."""
    options = {'data_root': images, 'own_images.input_size': size}
    config = load_config(SEARCH, options)
    for name in LOADERS:
        assert config[name].dataset.pipeline[0].short_edge == edge
    crop = config.train_dataloader.dataset.pipeline[1]
    assert (crop.crop_ratio_range[0] * 3 / 4) ** 0.5 * edge > crop.scale == size
    # What is not to be reduced is not, nor what an option says otherwise.
    first = 'train_dataloader.dataset.pipeline.0.short_edge'
    for given in (None, 7):
        config = load_config(SEARCH, {**options, first: given})
        assert config.train_dataloader.dataset.pipeline[0].short_edge == given
        assert config.val_dataloader.dataset.pipeline[0].short_edge == edge


def test_what_is_given_goes_before_what_is_found(images):
    options = {
        'data_root': images,
        'own_images.epochs': 9,
        'own_images.input_size': 80,
        'train_dataloader.batch_size': 8,
        'val_dataloader.dataset.pipeline.1.scale': 50,
    }
    config = load_config(SEARCH, options, input_size=224)
    assert config.own_images.epochs == config.train_cfg.max_epochs == 9
    assert (config.model.pretrain_epochs, config.model.finetune_epochs) == (1, 2)
    assert config.train_dataloader.batch_size == 8
    assert sizes_of(config, 'val') == [None, 50, 80, None]
    assert config.model.resource_estimator.input_shape == (1, 3, 80, 80)


def test_a_fitted_config_stays_as_it_is(images, tmp_path):
    """The one that a run leaves in its work directory."""
    options = {'data_root': images, 'own_images.batch_size': 32}
    first = load_config(SEARCH, options)
    first.dump(tmp_path / 'left.py')
    again = load_config(str(tmp_path / 'left.py'))
    assert again.to_dict() == first.to_dict()


def test_only_what_is_given_of_a_left_config_is_a_wish(images, tmp_path):
    first = load_config(SEARCH, {'data_root': images, 'own_images.epochs': 9})
    assert first.own_images.given == ['epochs']
    for options, given in (
        ({}, ['epochs']),
        ({'own_images.epochs': None}, []),
        ({'own_images.batch_size': 8}, ['batch_size', 'epochs']),
    ):
        again = load_config(first, options)
        assert again.own_images.given == given
        assert again.own_images.epochs == (9 if 'epochs' in given else 80)
    # The sizes of other images are others.
    for name in ('ant', 'bee'):
        write_images(tmp_path / 'small' / name, 5, (40, 50))
    other = load_config(first, dict(data_root=str(tmp_path / 'small')))
    assert first.own_images.input_size == 96 and other.own_images.input_size == 64


def test_the_learning_rate_is_scaled_once(images):
    options = {'data_root': images, 'auto_scale_lr.base_batch_size': 128}
    config = load_config(SEARCH, options)
    for _ in range(2):
        optimizer = config.optim_wrapper.architecture.optimizer
        assert optimizer.lr == pytest.approx(0.1 * 16 / 128)
        assert config.auto_scale_lr.base_batch_size == 16
        apply_plan(config, TrainingPlan(64, 9, 16), Given(options))
    # One that is given stays, also where the config is loaded again.
    lr = {'optim_wrapper.architecture.optimizer.lr': 0.3}
    config = load_config(SEARCH, {**options, **lr})
    for loaded in (config, load_config(config)):
        assert loaded.optim_wrapper.architecture.optimizer.lr == 0.3
    assert config.auto_scale_lr.base_batch_size == 16
    # It is that of the batch that is given with it, where it is to be scaled.
    given = Given({**options, **lr}, auto_scale_lr=True)
    config = prepared(SEARCH, LOADED, given)
    assert config.auto_scale_lr.base_batch_size == 128


def test_turned_off(images):
    config = load_config(SEARCH, dict(data_root=images, own_images=None))
    assert config.train_cfg.max_epochs == 45
    assert 'left_out' not in config.train_dataloader.dataset


def test_three_epochs_have_three_stages(images):
    config = load_config(SEARCH, {'data_root': images, 'own_images.epochs': 3})
    assert (config.model.pretrain_epochs, config.model.finetune_epochs) == (1, 2)


@pytest.mark.parametrize(
    'options, message',
    [
        ({'own_images.epochs': 2}, '^epochs of own_images must be .* 3, but is 2'),
        ({'own_images.input_size': 31}, '^input_size of own_images must be .* 32'),
        ({'own_images.size': 64}, "^own_images has no option 'size'"),
        ({'own_images': 3}, '^own_images of config must be .* but is 3'),
    ],
)
def test_wrong_options(images, options, message):
    with pytest.raises(ConfigError, match=message):
        load_config(SEARCH, dict(data_root=images, **options))


def test_other_data():
    with pytest.raises(ConfigError, match="but .*{'dataset': 'Digits'}.$"):
        load_config('dsnas_supernet_1xb64_digits', dict(own_images=dict(epochs=5)))


def wrapped(images, *inner):
    """A config that repeats some folders, in a list of them."""
    folders = [dict(type='ImageFolder', data_root=f, split='train') for f in inner]
    config = load_config(SEARCH, resolve=False)
    pipeline = config.train_dataloader.dataset.pipeline
    config.train_dataloader.dataset = dict(
        type='RepeatDataset',
        times=3,
        dataset=dict(
            type='ConcatDataset',
            datasets=[dict(folder, pipeline=pipeline) for folder in folders],
        ),
    )
    return load_config(config, dict(data_root=images))


@pytest.mark.slow
def test_a_folder_inside_other_data_sets_is_fitted(images):
    """Three times twice the 40 images are trained on in an epoch."""
    default = load_config(SEARCH, resolve=False).data_root
    config = wrapped(images, default, default)
    assert config.train_dataloader.batch_size == 16 == config.own_images.batch_size
    assert plan_for(240, (70, 90)).epochs == config.train_cfg.max_epochs
    assert config.default_hooks.logger.interval == 7
    assert config.model.architecture.head.num_classes == 2
    for folder in config.train_dataloader.dataset.dataset.datasets:
        assert folder.data_root == images
        assert folder.left_out == ['ant/bad.png']
        assert folder.pipeline[1].scale == 96
    config = load_config(config, {'own_images.val_ratio': 0.4})
    folders = config.train_dataloader.dataset.dataset.datasets
    assert [folder.val_ratio for folder in folders] == [0.4, 0.4]


def test_folders_that_cannot_be_fitted_are_named_with_what_is_around_them(
    images, tmp_path
):
    write_images(tmp_path / 'other' / 'ant', 5)
    with pytest.raises(ConfigError, match="dataset.dataset.datasets.1': 'ImageF"):
        wrapped(images, images, str(tmp_path / 'other'))


OWN_SAMPLER = dict(type='AlternatingBatchSampler')


@pytest.mark.parametrize(
    'options, sampler',
    [
        ({}, dict(type='mmdsnas.NoSingleImageBatchSampler')),
        (dict(drop_last=True), None),
        (dict(batch_sampler=OWN_SAMPLER), OWN_SAMPLER),
    ],
)
def test_no_batch_of_one_image(images, options, sampler):
    options = dict(data_root=images, train_dataloader=options)
    config = load_config(SEARCH, options)
    assert config.train_dataloader.get('batch_sampler') == sampler


@pytest.mark.parametrize(
    'mean, given, channels',
    [([127.0], 1, 1), ([127.0], 3, 1), ([1.0, 2.0, 3.0], 1, 3)],
)
def test_channels_are_those_that_the_preprocessor_gives(images, mean, given, channels):
    config = load_config(SEARCH, resolve=False)
    config.data_preprocessor.update(mean=mean, std=mean, to_rgb=False)
    config.test_dataloader.dataset.pipeline[0].color_type = 'grayscale'
    config.model.resource_estimator.input_shape = (1, given, 96, 96)
    config = load_config(config, dict(data_root=images))
    assert config.model.resource_estimator.input_shape == (1, channels, 96, 96)


@pytest.mark.parametrize('own', [None, dict()])
@pytest.mark.parametrize('has_test', [False, True])
def test_without_images_to_test_on_those_of_val_are(tmp_path, own, has_test):
    for split in ('train', 'val', *(['test'] if has_test else [])):
        for name in ('ant', 'bee'):
            write_images(tmp_path / split / name, 3)
    config = load_config(SEARCH, dict(data_root=str(tmp_path), own_images=own))
    assert config.val_dataloader.dataset.split == 'val'
    assert config.test_dataloader.dataset.split == ('test' if has_test else 'val')
