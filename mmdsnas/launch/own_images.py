"""Fits a config to a folder of one's own images: classes, sizes, batches, epochs."""

import math
import os
from typing import Any, Dict

from mmengine.config import Config

from mmdsnas.datasets import FolderContents, scan_folder
from mmdsnas.datasets.folder_contents import BROKEN
from mmdsnas.errors import ConfigError
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.data_sets import data_sets, loaders
from mmdsnas.utils.words import shown
from .given_options import Given, merge
from .image_folders import image_folders, images_of_an_epoch, training_folder
from .input_size import input_channels
from .plain_config import plain_options
from .run_options import schedules_of_weights
from .training_plan import Plan, plan_for, within

# Where the stages begin, as parts of the epochs: those of the digits' search.
PRETRAINED, SEARCHED = 7 / 45, 28 / 45
# Validations and checkpoints of a run; on few images they cost more than its steps.
VALIDATIONS = 20
# What is held out of each class where nothing says otherwise.
HELD_OUT = 0.2
# Transforms that make an image of the input size, and of a test the part around it.
SIZED = {
    'RandomResizedCrop': ('scale', 1.0),
    'LoadRandomResizedCrop': ('scale', 1.0),
    'CenterCrop': ('crop_size', 1.0),
    'ResizeEdge': ('scale', 1.15),
    'LoadResizeEdge': ('scale', 1.15),
}


def fit_to_images(config: Config, given: Given) -> Config:
    """Looks at the images and sets what depends on them.

    A config with ``own_images``, a dict whose ``input_size``, ``epochs`` and
    ``batch_size`` are numbers, or None for what :func:`plan_for` says; ``val_ratio``
    is that of all data sets, or None for what they have. What changes are pipelines,
    loaders, learning rate, schedules, stages, and ``own_images``, which gets the
    numbers, and what was found as ``found``. Options that are given stay as they are.

    With ``num_classes`` and the size of a checkpoint's images these alone are set,
    for a network that is not trained.

    Raises:
        ConfigError: The training data are no ``ImageFolder``, or of several folders, or
            there are too few epochs for three stages, or data sets of one folder hold
            out other parts.
        DataError: The folder cannot be used, see :func:`scan_folder`.
    """
    own = config.get('own_images')
    if own is None:
        return config
    input_size = own.get('input_size') or given.input_size
    if given.num_classes and input_size:
        _resize(config, input_size)
        _set_input_shape(config, input_size)
    else:
        folder = training_folder(config)
        found = scan_folder(folder, _val_ratio(config, folder))
        for dataset in image_folders(config).values():
            if dataset.get('data_root') == folder:
                dataset.left_out = found.left_out[BROKEN]
        num_images = images_of_an_epoch(config, found)
        plan = plan_for(num_images, found.size)._asdict()
        wanted = {**{name: own.get(name) for name in plan}, 'input_size': input_size}
        plan.update({name: n for name, n in wanted.items() if n is not None})
        record = dict(val_ratio=own.get('val_ratio'), found=_record(found, folder))
        config.own_images = {**plan, **record}
        _fit_data(config, Plan(**plan), num_images)
        _fit_schedule(config, Plan(**plan))
    merge(config, plain_options(given.options or {}))
    return config


def _val_ratio(config: Config, folder: str) -> float:
    """The part that is held out: that of ``own_images``, in all data sets."""
    ratio, ratios = config.own_images.get('val_ratio'), {}
    for where, dataset in image_folders(config).items():
        if dataset.get('data_root') == folder:
            if ratio is not None:
                dataset.val_ratio = ratio
            ratios[f'{where}.val_ratio'] = dataset.get('val_ratio', HELD_OUT)
    if len(set(ratios.values())) > 1:
        raise ConfigError(
            'own_images.val_ratio must be set instead of that of single data sets of a '
            f'folder, whose images would overlap, but they are {shown(ratios)}.'
        )
    return next(iter(ratios.values()))


def _record(found: FolderContents, data_root: str) -> Dict[str, Any]:
    """What was found, as a config and a report can hold it."""
    record = {'folder': os.path.abspath(os.path.expanduser(data_root))}
    record.update(found._asdict())
    # Names of folders are no options: a merge, say, gives some of them a meaning.
    record['images'] = {
        split: [list(pair) for pair in counts.items()]
        for split, counts in found.images.items()
    }
    record['channels'] = {str(k): n for k, n in found.channels.items()}
    return record


def _fit_data(config: Config, plan: Plan, num_images: int) -> None:
    _resize(config, plan.input_size)
    loader = config.train_dataloader
    loader.batch_size = plan.batch_size
    if loader.get('batch_sampler') is None and not loader.get('drop_last'):
        loader.batch_sampler = dict(type='mmdsnas.NoSingleImageBatchSampler')
    # Ten lines an epoch at most, and one at least.
    steps = math.ceil(num_images / plan.batch_size)
    logger = config.get('default_hooks', {}).get('logger')
    if logger is not None:
        logger.interval = within(steps // 2, 1, logger.get('interval', 50))


def _resize(config: Config, input_size: int) -> None:
    for loader in loaders(config).values():
        for dataset in data_sets(loader):
            for transform in dataset.config.get('pipeline', ()):
                option, part = SIZED.get(type_name(transform), (None, 0))
                if option:
                    transform[option] = round(part * input_size)


def _set_input_shape(config: Config, input_size: int) -> None:
    if config.model.get('resource_estimator') is not None:
        shape = (1, input_channels(config), input_size, input_size)
        config.model.resource_estimator.input_shape = shape


def _fit_schedule(config: Config, plan: Plan) -> None:
    model, wrapper = config.model, config.optim_wrapper
    every = math.ceil(plan.epochs / VALIDATIONS)
    config.train_cfg.max_epochs = plan.epochs
    config.train_cfg.val_interval = every
    checkpoint = config.get('default_hooks', {}).get('checkpoint')
    if checkpoint is not None:
        checkpoint.interval = every
    if 'pretrain_epochs' in model:
        model.pretrain_epochs = max(1, round(PRETRAINED * plan.epochs))
        model.finetune_epochs = round(SEARCHED * plan.epochs)
        _set_input_shape(config, plan.input_size)
    base = (config.get('auto_scale_lr') or {}).get('base_batch_size')
    if base:
        optimizer = wrapper.get('architecture', wrapper).optimizer
        optimizer.lr *= plan.batch_size / base
        # It is the one of this batch now.
        config.auto_scale_lr.base_batch_size = plan.batch_size
    for scheduler in schedules_of_weights(config):
        if type_name(scheduler) == 'CosineAnnealingLR':
            scheduler.end = plan.epochs
            scheduler.T_max = plan.epochs - scheduler.get('begin', 0)
