"""Steps that fit a config to a run: folder, machine, arguments, first checkpoint."""

import os.path as osp
from logging import WARNING
from typing import Any

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.logging import print_log

from mmdsnas.errors import ConfigError
from mmdsnas.models import COSTS
from mmdsnas.subnets import (
    is_of_search,
    use_recorded_pipeline,
    use_recorded_subnet,
    warn_of_unfinished,
)
from mmdsnas.subnets.checkpoint import LAST_CHECKPOINT
from mmdsnas.subnets.checkpoint_files import find_latest
from mmdsnas.subnets.metadata import check_resumable, last_lr
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.data_sets import loaders, pipeline_of
from .given_options import Given
from .images import input_size
from .run_options import is_search

CHOOSES, FLOAT32 = 'ChooseChildHook', 'float32'


def set_work_dir(config: Config, _: Given) -> Config:
    """The config's folder, else one of its name.

    Measured costs are kept there, unless the config says where.
    """
    if config.get('work_dir') is None:
        # A config that was made in Python has no file.
        name = osp.splitext(osp.basename(config.filename or 'config.py'))[0]
        config.work_dir = osp.join('work_dirs', name)
    estimator = config.model.get('resource_estimator') or {}
    for name, cost in COSTS.items():
        if cost.keeps_file and estimator.get(name) is not None:
            # A resumed run must have the same, which a second measurement is not.
            file = osp.join(config.work_dir, f'{name}.json')
            estimator[name].setdefault('file', file)
    return config


def use_device(config: Config, _: Given) -> Config:
    """Fits data loaders and the distributed wrapper to the device."""
    on_cpu = get_device() == 'cpu'
    for loader in loaders(config).values():
        loader.setdefault('pin_memory', not on_cpu)
        # torch refuses workers that persist where there are none.
        if loader.get('num_workers') == 0:
            loader.persistent_workers = False
    if on_cpu and config.get('model_wrapper_cfg') is not None:
        # mmengine passes a local rank, which means a GPU.
        config.model_wrapper_cfg.device_ids = None
    return config


def set_deploy(config: Config, _: Given) -> Config:
    """Has candidates for the child compared as ``own_images.deploy`` says."""
    deploy = (config.get('own_images') or {}).get('deploy', FLOAT32)
    if deploy == FLOAT32:
        return config
    hooks = [h for h in config.get('custom_hooks') or () if type_name(h) == CHOOSES]
    cost = config.model.get('cost') or {}
    needs = {
        'a search in a pretrained network (own_images.pretrained)': hooks,
        'a limit (model.cost.limit)': cost.get('limit') or cost.get('limits'),
    }
    for need, there in needs.items():
        if not there:
            raise ConfigError(
                f'own_images.deploy must be float32 without {need}, but is {deploy}.'
            )
    for hook in hooks:
        hook.deploy = deploy
    return config


def resume(config: Config, given: Given) -> Config:
    """Names the checkpoint that a run goes on with, if it is to.

    That is the one that is given, or the latest of the work dir that is whole; without
    one the run starts as its config says.
    """
    if not given.resume and not config.get('resume'):
        return config
    checkpoint = given.resume or config.get('load_from') or True
    if checkpoint in (True, 'auto'):
        checkpoint = find_latest(given.checkpoints, config.work_dir)
    if checkpoint is not None:
        config.resume, config.load_from = True, str(checkpoint)
    else:
        _warn(
            f'There is no checkpoint in {config.work_dir} to resume: the run starts '
            'from its beginning.'
        )
    return config


def start_from_checkpoint(config: Config, given: Given) -> Config:
    """Fills in what the config of a child leaves to ``load_from``.

    That is the subnet, if the checkpoint names one, and a learning rate of None,
    which means the last one of the checkpoint. A resumed run gets its seed, too.
    """
    used = osp.join(config.get('work_dir') or '', LAST_CHECKPOINT)
    if not config.get('resume') and osp.isfile(used):
        _warn(
            f'{config.work_dir} has checkpoints of another run, which this one will '
            'overwrite; --resume (of make: ARGS=--resume) would go on with it.'
        )
    lr = None
    if config.get('load_from') is not None:
        checkpoint = given.checkpoints.load(config.load_from)
        if config.get('resume'):
            _check_kind(config, checkpoint)
            check_resumable(checkpoint, config.load_from)
            _take_seed(config, checkpoint)
        use_recorded_subnet(config.model, checkpoint, given.options)
        if not is_search(config):
            warn_of_unfinished(checkpoint, config.load_from)
        lr = last_lr(checkpoint)
        if config.get('resume'):
            # What the run began with: its schedules come from the checkpoint.
            options = (checkpoint['meta'].get('run') or {}).get('options', {})
            lr = options.get('optim_wrapper.optimizer.lr', lr)
    wrapper = config.get('optim_wrapper') or {}
    optimizer = wrapper.get('architecture', wrapper).get('optimizer') or {}
    if optimizer.get('lr', 0) is not None:
        return config
    if lr is None:
        raise ConfigError(
            'optim_wrapper.optimizer.lr is None, which means the last learning rate '
            f'of the checkpoint load_from, but {config.get("load_from")} has none; '
            'set one of them.'
        )
    optimizer['lr'] = lr
    print_log(f'The learning rate is that of {config.load_from}: {lr:g}.', 'current')
    return config


def _check_kind(config: Config, checkpoint: dict[str, Any]) -> None:
    if is_of_search(checkpoint) == is_search(config):
        return
    kinds = ('a child', 'a search')
    raise ConfigError(
        f'--resume must be a checkpoint of {kinds[is_search(config)]}, as the config '
        f'is, but {config.load_from} is one of {kinds[not is_search(config)]}; to '
        'begin with its weights give it as load_from.'
    )


def _take_seed(config: Config, checkpoint: dict[str, Any]) -> None:
    """Gives a resumed run its seed.

    mmengine does that too, but after it has built the sampler, which shuffles by the
    seed, and the data workers.
    """
    seed, own = checkpoint['meta'].get('seed'), config.get('randomness', {})
    if seed is None or seed == own.get('seed'):
        return
    if own.get('seed') is not None:
        _warn(
            f'randomness.seed is {own["seed"]}, but a resumed run keeps its seed, '
            f'which is {seed}.'
        )
    config.randomness = {**own, 'seed': seed}


def check_input_shape(config: Config, _: Given) -> Config:
    """Warns of costs that are not those of the images a search gets."""
    shape = (config.model.get('resource_estimator') or {}).get('input_shape')
    try:
        size = input_size(pipeline_of(config.get('test_dataloader')))
    except ConfigError:
        return config
    if shape is not None and tuple(shape[-2:]) != size:
        _warn(
            f'model.resource_estimator.input_shape is {tuple(shape)}, but the test '
            f'pipeline gives images of {size[0]} x {size[1]}: the MFLOPs that are '
            'shown and limited are those of the former.'
        )
    return config


def enable_amp(config: Config, given: Given) -> Config:
    """Turns mixed precision on: float16 on CUDA, bfloat16 on the CPU."""
    if given.amp and is_search(config):
        config.optim_wrapper.setdefault('amp', dict())
    elif given.amp and get_device() == 'cpu':
        raise ConfigError(
            '--amp needs a GPU for a config that trains a child alone; for a search it '
            'works on the CPU too.'
        )
    elif given.amp:
        config.optim_wrapper.type = 'AmpOptimWrapper'
    return config


def scale_lr(config: Config, given: Given) -> Config:
    """Scales the weights' learning rate to the batch size of all processes.

    mmengine's ``auto_scale_lr``, which is turned off, scales every optimizer,
    ``alpha``'s too, whose step does not depend on the batch size.
    """
    own = config.get('auto_scale_lr') or {}
    if not given.auto_scale_lr and not own.get('enable'):
        return config
    if not own.get('base_batch_size'):
        raise ConfigError(
            '--auto-scale-lr needs auto_scale_lr = dict(base_batch_size=...) in the '
            'config, the batch size that its learning rate is meant for; one that '
            'comes from a checkpoint is not scaled.'
        )
    own.enable = False
    images = config.train_dataloader.batch_size * get_world_size()
    wrapper = config.optim_wrapper
    optimizer = wrapper.get('architecture', wrapper).optimizer
    optimizer.lr *= images / own.base_batch_size
    return config


def use_tested(config: Config, given: Given) -> Config:
    """Gives a test the subnet of its checkpoint, and the folder for its pictures."""
    use_recorded_subnet(config.model, given.tested, given.options)
    if not is_search(config):
        use_recorded_pipeline(config, given.tested, given.checkpoints.trust)
    if given.show_dir is not None:
        shows = dict(type='mmcls.VisualizationHook', enable=True, interval=1)
        config.default_hooks.visualization = {**shows, 'out_dir': str(given.show_dir)}
    return config


def _warn(text: str) -> None:
    print_log(text, 'current', level=WARNING)
