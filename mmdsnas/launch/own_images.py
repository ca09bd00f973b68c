"""Fits a config to a folder of one's own images: classes, sizes, batches, epochs."""

import math
import os
from typing import Any

from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmdsnas.datasets import FolderContents, scan_folder
from mmdsnas.datasets.folder_contents import BROKEN
from mmdsnas.errors import ConfigError
from mmdsnas.registry import DATASETS, SCOPE
from mmdsnas.subnets.metadata import recorded_image_size, recorded_input_size
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.data_sets import data_sets, loaders
from mmdsnas.utils.words import shown
from .epochs import set_epochs
from .given_options import Given, merge
from .images import image_folders, input_channels
from .plain_config import plain_options
from .run_options import is_search
from .training_plan import BATCH, EPOCHS, TUNED, TrainingPlan, plan_for, sizes_below

FEWEST = 3
# Where the stages begin, as parts of the epochs: those of the digits' search.
PRETRAINED, SEARCHED = 2 / 45, 7 / 45
# What is held out of each class where nothing says otherwise.
HELD_OUT = 0.2
# Transforms that make an image of the input size, and of a test the part around it.
SIZED = {
    'RandomResizedCrop': ('scale', 1.0),
    'LoadRandomResizedCrop': ('scale', 1.0),
    'CenterCrop': ('crop_size', 1.0),
    'ResizeEdge': ('scale', 1.15),
    'LoadResizeEdge': ('scale', 1.15),
    # The smallest part that is cut out, 0.55 of it, is larger than what it becomes.
    'LoadKeptImage': ('short_edge', 8 / 3),
}


def fit_to_images(config: Config, given: Given) -> Config:
    """Looks at the images and sets what depends on them, but no option that is given.

    In ``own_images`` of the config ``input_size``, ``epochs`` and ``batch_size`` are
    numbers, or None for what :func:`plan_for` says; ``val_ratio`` is that of all data
    sets, or None for what they have. It gets the numbers, and what is ``found``.

    With ``num_classes`` and the size of a checkpoint's images these alone are set,
    for a network that is not trained.

    Raises:
        ConfigError: The training data are no ``ImageFolder``, or of several folders, or
            there are too few epochs for three stages, or data sets of one folder hold
            out other parts.
        DataError: The folder cannot be used, see :func:`scan_folder`.
    """
    own = config.get('own_images')
    if own is None or own.get('fitted'):
        return config
    wished = _wished(own, given)
    input_size = wished.get('input_size') or _recorded_size(config, given)
    if given.num_classes and input_size:
        if config.model.get('input_sizes'):
            config.model.input_sizes = sizes_below(input_size)
        _resize(config, input_size)
        _set_input_shape(config, input_size)
        merge(config, plain_options(given.options))
    else:
        folder = _training_folder(config)
        found = scan_folder(folder, _val_ratio(config, folder))
        for dataset in image_folders(config).values():
            if dataset.get('data_root') == folder:
                dataset.left_out = found.left_out[BROKEN]
        num_images = _images_of_an_epoch(config, found)
        if input_size:
            wished['input_size'] = input_size
        names, tuned = sorted(wished), wished.pop('tuned', None)
        plan = plan_for(num_images, found.size)
        if own.get('pretrained'):
            plan = plan._replace(epochs=EPOCHS, batch_size=BATCH)
        plan = plan._replace(**wished)
        if (own.get('given'), own.get('num_images')) != (names, num_images):
            # What was planned is for something else.
            own.pop('planned', None)
        record = dict(
            found=_record(found, folder),
            num_images=num_images,
            given=names,
        )
        config.own_images = {**own, **plan._asdict(), **record}
        apply_plan(config, plan, given, tuned)
    return config


def _wished(own: dict[str, Any], given: Given) -> dict[str, int]:
    """Parts of a plan that are given; the config of a run has others, too."""
    names = (*TrainingPlan._fields, 'tuned')
    if (known := own.get('given')) is not None:
        options = [n for n in names if given.value(f'own_images.{n}') is not None]
        names = (*known, *options)
    # An option may be None in place of what the config has.
    wished = {n: own[n] for n in names if own.get(n) is not None}
    if wished.get('epochs', FEWEST) < FEWEST:
        raise ConfigError(
            f'epochs of own_images must be at least {FEWEST}, but is '
            f'{wished["epochs"]}.'
        )
    return wished


def _recorded_size(config: Config, given: Given) -> int | None:
    """Pixels of the images by a checkpoint that is tested, or trained on."""
    if is_search(config):
        # A part of the cost is one for images as they come, not for the child's.
        return recorded_image_size(given.tested or {}) or given.input_size
    if given.input_size or config.get('load_from') is None:
        return given.input_size
    return recorded_input_size(given.checkpoints.load(config.load_from))


def apply_plan(
    config: Config, plan: TrainingPlan, given: Given, tuned: int | None = None
) -> None:
    """Sets all options that depend on a plan, but none that is given.

    Args:
        config (Config): Whose ``own_images`` have what was found.
        plan (TrainingPlan): What they are set to.
        given (Given): The options.
        tuned (int, optional): Epochs for a pretrained network as it is.
    """
    _fit_data(config, plan)
    _fit_schedule(config, plan, tuned)
    merge(config, plain_options(given.options))
    # What was derived counts, not None for: derive it.
    config.own_images.update(plan._asdict())
    lr = f'optim_wrapper.{"architecture." * is_search(config)}optimizer.lr'
    scale = config.get('auto_scale_lr') or {}
    if scale.get('base_batch_size') and not (given.value(lr) and given.auto_scale_lr):
        # The learning rate is that of this batch now.
        scale.base_batch_size = plan.batch_size


def _training_folder(config: Config) -> str:
    """The one folder whose images are trained on."""
    parts = data_sets(config.train_dataloader)
    roots = {part.get('data_root') for part in parts.values()}
    kinds = {where: type_name(part) for where, part in parts.items()}
    if len(roots) == 1 and set(kinds.values()) == {'ImageFolder'}:
        return roots.pop()
    raise ConfigError(
        'own_images must be None where the training data are no ImageFolder, or '
        f'several of them, but train_dataloader has {shown(kinds)}.'
    )


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


def _images_of_an_epoch(config: Config, found: FolderContents) -> int:
    """Images that an epoch shows; a data set around a folder may repeat some."""
    if 'dataset' in data_sets(config.train_dataloader):
        return sum(found.images['train'].values())
    scope = config.get('default_scope') or SCOPE
    with DefaultScope.overwrite_default_scope(scope):
        return len(DATASETS.build(config.train_dataloader.dataset))


def _record(found: FolderContents, data_root: str) -> dict[str, Any]:
    """What was found, as a config and a report can hold it."""
    # Names of folders are no options: a merge, say, gives some of them a meaning.
    images = {
        split: [list(pair) for pair in counts.items()]
        for split, counts in found.images.items()
    }
    channels = {str(k): n for k, n in found.channels.items()}
    found = found._replace(images=images, channels=channels)
    folder = os.path.abspath(os.path.expanduser(data_root))
    return dict(folder=folder, **found._asdict())


def _fit_data(config: Config, plan: TrainingPlan) -> None:
    _resize(config, plan.input_size)
    loader = config.train_dataloader
    loader.batch_size = plan.batch_size
    if loader.get('batch_sampler') is None and not loader.get('drop_last'):
        loader.batch_sampler = dict(type='mmdsnas.NoSingleImageBatchSampler')
    num_images = config.own_images.num_images
    # Ten lines an epoch at most, and one at least.
    steps = math.ceil(num_images / plan.batch_size)
    logger = config.get('default_hooks', {}).get('logger')
    if logger is not None:
        logger.interval = max(1, min(steps // 2, logger.get('interval', 50)))


def _resize(config: Config, input_size: int) -> None:
    for loader in loaders(config).values():
        for dataset in data_sets(loader).values():
            for transform in dataset.get('pipeline', ()):
                option, part = SIZED.get(type_name(transform), (None, 0))
                # None is that of an image that is never reduced.
                if option and transform.get(option, 0) is not None:
                    transform[option] = round(part * input_size)


def _set_input_shape(config: Config, input_size: int) -> None:
    if config.model.get('resource_estimator') is not None:
        shape = (1, input_channels(config), input_size, input_size)
        config.model.resource_estimator.input_shape = shape


def _fit_schedule(config: Config, plan: TrainingPlan, tuned: int | None) -> None:
    model, wrapper = config.model, config.optim_wrapper
    if 'pretrain_epochs' in model:
        model.pretrain_epochs = max(1, round(PRETRAINED * plan.epochs))
        model.finetune_epochs = max(2, round(SEARCHED * plan.epochs))
        if config.own_images.get('pretrained'):
            tuned = tuned or max(1, round(TUNED / EPOCHS * plan.epochs))
            config.own_images.tuned = tuned
            model.pretrain_epochs = model.finetune_epochs = tuned
            model.input_sizes = sizes_below(plan.input_size)
        _set_input_shape(config, plan.input_size)
    base = (config.get('auto_scale_lr') or {}).get('base_batch_size')
    if base:
        wrapper.get('architecture', wrapper).optimizer.lr *= plan.batch_size / base
    set_epochs(config, plan.epochs, tuned)
