"""Fits a config to the command line, the data and the machine."""

import copy
import difflib
import os.path as osp
import sys
from logging import WARNING
from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.logging import print_log

from mmdsnas.errors import ConfigError
from mmdsnas.models import COSTS
from mmdsnas.utils.data_sets import data_sets, loaders, pipeline_of
from mmdsnas.utils.paths import find_config
from .batch_augments import fill_classes_of_labels
from .check_config import check_config
from .image_folders import fill_num_classes, fill_test_split
from .input_size import input_size as size_of
from .own_images import fit_to_images, fit_to_size
from .plain_config import plain_config, plain_options, read_config
from .runner_options import fill_schedules, is_search
from .unread_options import READ, unread_options

# What mmengine's Runner has where default_hooks does not say None.
RUNNER_HOOKS = (
    *('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler'),
    'checkpoint',
)


def load_config(
    name: Union[str, Path, Config],
    options: Optional[Mapping[str, Any]] = None,
    resolve: bool = True,
    input_size: Optional[int] = None,
    num_classes: Optional[int] = None,
) -> Config:
    """Loads a config and merges options of the command line into it.

    Args:
        name (str | Path | Config): Path of a config, the name of one of mmdsnas, or
            a config, which is copied.
        options (Mapping, optional): ``--cfg-options``. An option ``data_root``
            also reaches the data sets that had the config's ``data_root``.
        resolve (bool): Whether to check it and to fill in what is found from the
            data.
        input_size (int, optional): Pixels of the images of a checkpoint, which is
            taken where the config would have it found from the data.
        num_classes (int, optional): Classes of a checkpoint, for a network whose images
            are not needed: with both of these they are not looked at.

    Returns:
        Config: With the number of classes filled in where it is None, and fitted to
        the images where it has ``own_images``.

    Raises:
        ConfigError: An option is wrong; the message names all that are.
    """
    options = plain_options(options or {})
    given = name if isinstance(name, Config) else read_config(find_config(name))
    config = plain_config(given)
    _check_options(config, options)
    if 'data_root' in options:
        for loader in loaders(config).values():
            for part in data_sets(loader):
                root = part.config.get('data_root', ...)
                if root == config.get('data_root'):
                    part.config['data_root'] = options['data_root']
    _merge(config, options)
    if resolve:
        check_config(config)
        fill_num_classes(config, num_classes)
        fill_test_split(config)
        fill_classes_of_labels(config)
        own = config.get('own_images')
        if own is not None:
            size = own.get('input_size') or input_size
            if num_classes and size:
                fit_to_size(config, size)
            else:
                fit_to_images(config, input_size)
            # What is given goes before what is found.
            _merge(config, options)
        fill_schedules(config)
        _drop_hooks(config)
    return config


def _drop_hooks(config: Config) -> None:
    """Drops the default hooks that are None; mmengine can do without its own alone."""
    hooks = config.get('default_hooks') or {}
    for name in [n for n in hooks if hooks[n] is None and n not in RUNNER_HOOKS]:
        del hooks[name]


def _check_options(config: Config, options: Dict[str, Any]) -> None:
    """Refuses or names options that would have no effect."""
    for name, near in unread_options(config).items():
        print(
            f'warning: the config has {name!r}, which nothing reads; is it {near!r}?',
            file=sys.stderr,
        )
    read = READ | ({'data_root'} & set(config))
    for name in options:
        first = name.split('.')[0]
        if first in read:
            continue
        if first not in config:
            near = difflib.get_close_matches(first, [*config, *read], 1)
            raise ConfigError(
                f'--cfg-options has {name!r}, but the config has no option '
                f'{first!r}' + (f' (nearest: {near[0]!r}).' if near else '.')
            )
        # To stderr: print_config.py prints a config.
        print(
            f'warning: --cfg-options has {name!r}, which only serves other options of '
            'the config file: what those were made of it stays; set them instead.',
            file=sys.stderr,
        )


def _merge(config: Config, options: Dict[str, Any]) -> None:
    """Merges options into a config, whose places for them must be there."""
    try:
        config.merge_from_dict(options)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        for name, value in options.items():
            if len(options) > 1:
                _merge(copy.deepcopy(config), {name: value})
        raise ConfigError(
            f'--cfg-options has {" and ".join(map(repr, options))}, but the config has '
            'no such place: what stands before a dot must be a dict, or a list that '
            'has the number after it.'
        ) from error


def set_work_dir(config: Config, work_dir: Union[str, Path, None]) -> None:
    """The command line's folder, else the config's, else one of its name.

    A table of latencies is kept there, unless the config says where.
    """
    if work_dir is not None:
        config.work_dir = str(work_dir)
    elif config.get('work_dir') is None:
        # A config that was made in Python has no file.
        name = osp.splitext(osp.basename(config.filename or 'config.py'))[0]
        config.work_dir = osp.join('work_dirs', name)
    _keep_measurements(config)


def _keep_measurements(config: Config) -> None:
    """A resumed run must have the same table, which a second measurement is not."""
    estimator = config.model.get('resource_estimator') or {}
    for name, cost in COSTS.items():
        if cost.meter and estimator.get(name) is not None:
            file = osp.join(config.work_dir, f'{name}.json')
            estimator[name].setdefault('file', file)


def use_device(config: Config) -> None:
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


def enable_amp(config: Config) -> None:
    """Turns mixed precision on: float16 on CUDA, bfloat16 on the CPU.

    Raises:
        ConfigError: The config trains with one optimizer and there is no GPU.
    """
    if is_search(config):
        config.optim_wrapper.setdefault('amp', dict())
        return
    if get_device() == 'cpu':
        raise ConfigError(
            '--amp needs a GPU for a config that trains a child '
            'alone; for a search it works on the CPU too.'
        )
    config.optim_wrapper.type = 'AmpOptimWrapper'


def check_input_shape(config: Config) -> None:
    """Warns of costs that are not those of the images a search gets."""
    shape = (config.model.get('resource_estimator') or {}).get('input_shape')
    loader = config.get('test_dataloader') or {}
    try:
        size = size_of(pipeline_of(loader))
    except ConfigError:
        return
    if shape is not None and tuple(shape[-2:]) != size:
        print_log(
            f'model.resource_estimator.input_shape is {tuple(shape)}, but the test '
            f'pipeline gives images of {size[0]} x {size[1]}: the MFLOPs that are '
            'shown and limited are those of the former.',
            'current',
            level=WARNING,
        )


def scale_lr(config: Config) -> float:
    """Scales the weights' learning rate to the batch size of all processes.

    mmengine's ``auto_scale_lr`` scales every optimizer, ``alpha``'s too, whose
    step does not depend on the batch size; it is therefore done here, and
    turned off there.

    Args:
        config (Config): Changed in place; has ``auto_scale_lr`` with
            ``base_batch_size``.

    Returns:
        float: The factor.

    Raises:
        ConfigError: ``auto_scale_lr.base_batch_size`` is missing.
    """
    base = (config.get('auto_scale_lr') or {}).get('base_batch_size')
    if not base:
        raise ConfigError(
            '--auto-scale-lr needs auto_scale_lr = '
            'dict(base_batch_size=...) in the config, the batch '
            'size that its learning rate is meant for; one that comes from a '
            'checkpoint is not scaled.'
        )
    config.auto_scale_lr.enable = False
    factor = config.train_dataloader.batch_size * get_world_size() / base
    wrapper = config.optim_wrapper
    wrapper.get('architecture', wrapper).optimizer.lr *= factor
    return factor
