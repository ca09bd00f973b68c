"""Settings of the ImageNet configs: MMRazor's own file, the authors' formulas."""

import math
from pathlib import Path

import mmrazor
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope

from mmdsnas.launch.run_config import load_config
from mmdsnas.registry import MODELS, OPTIM_WRAPPER_CONSTRUCTORS

RAZOR = Path(mmrazor.__file__).parent / '.mim/configs/nas/mmcls/dsnas'
NAME = 'dsnas_supernet_8xb128_in1k'
DEFAULTS = dict(by_epoch=True, eta_min=0.0, loss_weight=1.0, deterministic=False)


def bare(value):
    """A config without scopes and defaults, to compare it with another one."""
    if isinstance(value, dict):
        kept = {k: bare(v) for k, v in value.items() if k not in ('_scope_',)}
        for name, default in DEFAULTS.items():
            if kept.get(name) == default:
                del kept[name]
        return kept
    if isinstance(value, (list, tuple)):
        return [bare(v) for v in value]
    return value.rpartition('.')[2] if isinstance(value, str) else value


def without(value, *keys):
    return {k: v for k, v in value.items() if k not in keys}


def test_mmrazors_setting():
    ours = load_config(NAME).to_dict()
    theirs = Config.fromfile(RAZOR / f'{NAME}.py').to_dict()
    for key in ('param_scheduler', 'randomness', 'val_evaluator', 'data_preprocessor'):
        assert bare(ours[key]) == bare(theirs[key]), key
    assert ours['train_cfg']['max_epochs'] == theirs['train_cfg']['max_epochs']
    for key in ('pretrain_epochs', 'finetune_epochs'):
        assert ours['model'][key] == theirs['model'][key]

    ours_opt, theirs_opt = bare(ours['optim_wrapper']), bare(theirs['optim_wrapper'])
    for part in ('architecture', 'mutator'):
        their_part = dict(theirs_opt[part], type='OptimWrapper')
        if their_part['optimizer'].get('weight_decay') == 0.0:
            del their_part['optimizer']['weight_decay']
        assert ours_opt[part] == their_part

    ours_net, theirs_net = bare(ours['supernet']), bare(theirs['supernet'])
    assert ours_net['neck'] == theirs_net['neck']
    assert ours_net['head'] == theirs_net['head']
    backbones = []
    for net in (ours_net, theirs_net):
        stages = net['backbone']['arch_setting']
        backbones.append(
            dict(
                without(net['backbone'], 'arch_setting', 'widen_factor'),
                stages=[
                    [*stage, without(block, 'fix_threshold')]
                    for *stage, block in stages
                ],
            )
        )
    assert backbones[0] == backbones[1]
    block = theirs_net['backbone']['arch_setting'][0][2]
    assert ours['model']['mutator']['fix_threshold'] == block['fix_threshold']

    for loader in ('train_dataloader', 'val_dataloader'):
        for option in ('batch_size', 'num_workers', 'sampler'):
            assert bare(ours[loader][option]) == bare(theirs[loader][option])
        # Those of the training would not take the random states of an epoch.
        persistent = ours[loader]['persistent_workers']
        assert persistent == (loader == 'val_dataloader')
        pipelines = [c[loader]['dataset']['pipeline'] for c in (ours, theirs)]
        assert bare(pipelines[0]) == bare(pipelines[1])


LENGTH = 50  # iterations in an epoch


def rates(config, epochs):
    """Learning rate of every iteration, by mmengine's schedulers."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    wrapper = config.optim_wrapper
    lr = wrapper.get('architecture', wrapper).optimizer.lr
    optimizer = torch.optim.SGD([parameter], lr=lr)
    schedulers = config.param_scheduler
    schedulers = (
        schedulers.get('architecture') if isinstance(schedulers, dict) else (schedulers)
    )
    built = [
        PARAM_SCHEDULERS.build(dict(cfg, optimizer=optimizer, epoch_length=LENGTH))
        for cfg in schedulers
    ]
    found = []
    for _ in range(epochs * LENGTH):
        found.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        for scheduler in built:
            scheduler.step()
    return found


def of_the_authors(base, epochs, warmup):
    """Linear from 1e-4, then a cosine to 0, as functions of the iteration."""

    def lr(t):
        if t < warmup * LENGTH:
            return 1e-4 + (base - 1e-4) * t / (warmup * LENGTH)
        done = (t - warmup * LENGTH) / ((epochs - warmup) * LENGTH)
        return base * (1 + math.cos(math.pi * done)) / 2

    return lr


@pytest.mark.parametrize(
    'name, base, epochs, warmup, stop',
    [
        ('dsnas_official-supernet', 0.5, 240, 5, 85),
        ('spos_official-supernet', 0.5, 240, 5, 85),
        ('dsnas_official-retrain240', 0.34, 240, 5, 240),
        ('spos_official-retrain240', 0.34, 240, 5, 240),
        ('dsnas_official-finetune', 0.3, 160, 0, 160),
    ],
)
def test_learning_rates_of_the_authors(name, base, epochs, warmup, stop):
    config = load_config(f'{name}_8xb128_in1k')
    assert config.train_cfg.max_epochs == stop
    wrapper = config.optim_wrapper
    optimizer = wrapper.get('architecture', wrapper).optimizer
    if optimizer.lr is None:  # that of the checkpoint
        optimizer.lr = base
    assert (optimizer.type, optimizer.momentum) == ('SGD', 0.9)
    expected = of_the_authors(base, epochs, warmup)
    found = rates(config, stop)
    # mmengine's warm-up ends one iteration earlier.
    step = base / (warmup * LENGTH) if warmup else 1e-12
    for t, lr in enumerate(found):
        assert abs(lr - expected(t)) <= 1.01 * step, t
        if t >= warmup * LENGTH:
            assert lr == pytest.approx(expected(t), rel=1e-9, abs=1e-12), t


@pytest.mark.slow
@pytest.mark.parametrize(
    'name', ['dsnas_official-supernet', 'dsnas_official-retrain240']
)
def test_authors_decay_everything_but_batch_norm(name):
    config = load_config(f'{name}_8xb128_in1k')
    with DefaultScope.overwrite_default_scope('mmdsnas'):
        model = MODELS.build(config.model)
        wrapper = dict(config.optim_wrapper)
        built = OPTIM_WRAPPER_CONSTRUCTORS.build(
            dict(
                type=wrapper.pop('constructor'),
                paramwise_cfg=wrapper.pop('paramwise_cfg', None),
                optim_wrapper_cfg=wrapper,
            )
        )(model)
    network = getattr(model, 'architecture', model)
    norms = {
        id(p)
        for m in network.modules()
        if isinstance(m, torch.nn.BatchNorm2d)
        for p in m.parameters()
    }
    weights = built['architecture'] if network is not model else built
    groups = weights.optimizer.param_groups
    assert len(groups) == 2
    decay = {id(p): group['weight_decay'] for group in groups for p in group['params']}
    assert len(decay) == len(list(network.parameters()))
    assert norms and norms < decay.keys()
    assert all(decay[p] == (0 if p in norms else 4e-5) for p in decay)


def test_authors_search():
    config = load_config('dsnas_official-supernet_8xb128_in1k')
    assert dict(config.model.mutator) == dict(
        type='DifferentiableMutator', init_mean=1.0, init_std=0.01, fix_threshold=0.3
    )
    adam = config.optim_wrapper.mutator.optimizer
    assert (adam.type, adam.lr, tuple(adam.betas)) == ('Adam', 1e-3, (0.5, 0.999))
    assert not adam.get('weight_decay')
    assert dict(config.model.cost) == dict(
        limit=290.0, weight=1e-6 * 8**2, form='sampled', count_fixed_part=False
    )
    assert (config.model.pretrain_epochs, config.model.finetune_epochs) == (0, 85)
    assert config.model.resource_estimator.count == 'conv'
    assert config.randomness.seed == 48
    assert config.train_dataloader.batch_size * 8 == 1024
    assert config.supernet.head.loss.label_smooth_val == 0.1
    for loader in (config.train_dataloader, config.val_dataloader):
        backends = {
            t.get('imdecode_backend') or t.get('backend')
            for t in loader.dataset.pipeline
        }
        assert backends - {None} == {'pillow'}
        # They do not turn an image as its EXIF data say.
        loading = loader.dataset.pipeline[0]
        assert loading.color_type == 'color_ignore_orientation'
    # Of the last epochs of 85 that of 80 is still there.
    assert config.default_hooks.checkpoint.max_keep_ckpts >= 85 - 80 + 1
    assert config.default_hooks.checkpoint.interval == 1


def test_uniform_sampling():
    name = 'official-supernet_8xb128_in1k'
    search, spos = (load_config(f'{kind}_{name}') for kind in ('dsnas', 'spos'))
    assert spos.model.mutator.init_std == 0
    assert spos.model.mutator.fix_threshold is None
    assert spos.model.cost is None
    epochs = spos.train_cfg.max_epochs
    assert epochs == search.train_cfg.max_epochs
    assert spos.model.pretrain_epochs == spos.model.finetune_epochs == epochs
    assert spos.model.architecture == search.model.architecture
    assert spos.optim_wrapper == search.optim_wrapper


@pytest.mark.parametrize(
    'name, eps, dropout',
    [
        ('dsnas_official-finetune', 0.01, 0.1),
        ('dsnas_official-search240', 0.01, 0.1),
        ('dsnas_official-retrain240', 1e-5, 0.1),
        ('spos_official-retrain240', 1e-5, 0.1),
    ],
)
def test_authors_children(name, eps, dropout):
    config = load_config(f'{name}_8xb128_in1k', {'model.fix_subnet': 'dsnas_official'})
    with DefaultScope.overwrite_default_scope('mmdsnas'):
        child = MODELS.build(config.model)
    norms = [m for m in child.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    assert {norm.eps for norm in norms} == {eps}
    assert child.head.dropout.p == dropout
    assert config.randomness.seed == 48
    assert ('reset_bn_stats' in config.default_hooks) == (eps == 0.01)
