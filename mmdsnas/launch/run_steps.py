"""Steps that fit a config to a run: its folder, its machine and its arguments."""

import os.path as osp
from logging import WARNING

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.logging import print_log

from mmdsnas.errors import ConfigError
from mmdsnas.models import COSTS
from mmdsnas.utils.data_sets import loaders, pipeline_of
from .given_options import Given
from .input_size import input_size
from .run_options import is_search


def set_work_dir(config: Config, given: Given) -> Config:
    """The command line's folder, else the config's, else one of its name.

    Measured costs are kept there, unless the config says where.
    """
    if given.work_dir is not None:
        config.work_dir = str(given.work_dir)
    elif config.get('work_dir') is None:
        # A config that was made in Python has no file.
        name = osp.splitext(osp.basename(config.filename or 'config.py'))[0]
        config.work_dir = osp.join('work_dirs', name)
    estimator = config.model.get('resource_estimator') or {}
    for name, cost in COSTS.items():
        if cost.meter and estimator.get(name) is not None:
            # A resumed run must have the same, which a second measurement is not.
            estimator[name].setdefault(
                'file', osp.join(config.work_dir, f'{name}.json')
            )
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


def leave_out_validation(config: Config, given: Given) -> Config:
    """Runs no validation where it is not wanted."""
    if not given.validate:
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
    return config


def enable_amp(config: Config, given: Given) -> Config:
    """Turns mixed precision on: float16 on CUDA, bfloat16 on the CPU.

    Raises:
        ConfigError: The config trains with one optimizer and there is no GPU.
    """
    if given.amp and is_search(config):
        config.optim_wrapper.setdefault('amp', dict())
    elif given.amp and get_device() == 'cpu':
        raise ConfigError(
            '--amp needs a GPU for a config that trains a child '
            'alone; for a search it works on the CPU too.'
        )
    elif given.amp:
        config.optim_wrapper.type = 'AmpOptimWrapper'
    return config


def check_input_shape(config: Config, _: Given) -> Config:
    """Warns of costs that are not those of the images a search gets."""
    shape = (config.model.get('resource_estimator') or {}).get('input_shape')
    pipeline = pipeline_of(config.get('test_dataloader'))
    try:
        size = input_size(pipeline)
    except ConfigError:
        return config
    if shape is not None and tuple(shape[-2:]) != size:
        print_log(
            f'model.resource_estimator.input_shape is {tuple(shape)}, but the test '
            f'pipeline gives images of {size[0]} x {size[1]}: the MFLOPs that are '
            'shown and limited are those of the former.',
            'current',
            level=WARNING,
        )
    return config


def scale_lr(config: Config, given: Given) -> Config:
    """Scales the weights' learning rate to the batch size of all processes.

    mmengine's ``auto_scale_lr`` scales every optimizer, ``alpha``'s too, whose
    step does not depend on the batch size; it is therefore done here, and
    turned off there.

    Raises:
        ConfigError: ``auto_scale_lr.base_batch_size`` is missing.
    """
    own = config.get('auto_scale_lr') or {}
    if not given.auto_scale_lr and not own.get('enable'):
        return config
    if not own.get('base_batch_size'):
        raise ConfigError(
            '--auto-scale-lr needs auto_scale_lr = '
            'dict(base_batch_size=...) in the config, the batch '
            'size that its learning rate is meant for; one that comes from a '
            'checkpoint is not scaled.'
        )
    own.enable = False
    images = config.train_dataloader.batch_size * get_world_size()
    wrapper = config.optim_wrapper
    optimizer = wrapper.get('architecture', wrapper).optimizer
    optimizer.lr *= images / own.base_batch_size
    return config


def show_predictions(config: Config, given: Given) -> Config:
    """Lets a test draw its predictions into a folder."""
    if given.show_dir is not None:
        config.default_hooks.visualization = dict(
            type='mmcls.VisualizationHook',
            enable=True,
            interval=1,
            out_dir=str(given.show_dir),
        )
    return config
