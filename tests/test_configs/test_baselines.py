import pytest

from mmdsnas.launch.run_config import load_config
from mmdsnas.launch.run_steps import use_device

DATA = '1xb128_fashion-mnist'
OWN = ('model', 'default_hooks', 'train_dataloader')


@pytest.mark.parametrize('kind, images', [('random', None), ('spos', 55000)])
def test_a_baseline_differs_in_what_it_is_about(kind, images):
    search, base = (
        load_config(f'dsnas_supernet_{DATA}'),
        load_config(f'{kind}_supernet_{DATA}'),
    )
    for name in search:
        assert name in OWN or base[name] == search[name], name
    assert base.model.mutator.init_std == 0
    assert base.model.pretrain_epochs == base.model.finetune_epochs == 28
    assert base.model.architecture == search.model.architecture
    assert base.default_hooks.pop('select_child').type == 'SelectChildHook'
    assert search.default_hooks.pop('compare_child').type == 'CompareChildHook'
    assert base.default_hooks == search.default_hooks
    assert base.train_dataloader.dataset.pop('indices', None) == images
    assert base.train_dataloader == search.train_dataloader


@pytest.mark.parametrize(
    'kind, estimator, held_out',
    [
        ('paper', 'DSNASGradient', False),
        ('reinforce', 'ScoreFunctionGradient', False),
        ('snas', 'SNASGradient', False),
        ('gdas', 'GDASGradient', True),
        ('darts', 'DARTSGradient', True),
        ('proxyless', 'ProxylessGradient', True),
    ],
)
def test_a_baseline_differs_in_its_gradient(kind, estimator, held_out):
    search, base = (
        load_config(f'dsnas_supernet_{DATA}'),
        load_config(f'{kind}_supernet_{DATA}'),
    )
    assert base.model.pop('gradient_estimator').type == estimator
    assert search.model.pop('gradient_estimator').type == 'AdditiveGradient'
    # As in the paper's search.
    assert base.model.mutator.pop('fix_threshold') == 0.3
    stages = base.model.pop('pretrain_epochs'), base.model.pop('finetune_epochs')
    assert stages == (7, 28)
    del search.model['pretrain_epochs'], search.model['finetune_epochs']
    assert base.model == search.model
    hooks = {**search.default_hooks}
    del hooks['compare_child']
    if held_out:
        hooks['held_out_batch'] = dict(type='HeldOutBatchHook')
    assert base.default_hooks == hooks
    assert ('batch_sampler' in base.train_dataloader) == held_out
    for name in search:
        assert name in OWN or base[name] == search[name], name


def test_paths_are_compared_on_images_that_are_not_trained_on():
    config = load_config(f'spos_supernet_{DATA}', dict(data_root='/elsewhere'))
    use_device(config, None)
    held_out = config.default_hooks.select_child.dataloader
    assert held_out.dataset.data_root == '/elsewhere' and 'pin_memory' in held_out
    train = config.train_dataloader.dataset
    assert held_out.dataset.split == train.split == 'train'
    images = range(60000)
    assert not set(images[: train.indices]) & set(images[held_out.dataset.indices :])
    assert held_out.dataset.pipeline == config.test_pipeline
