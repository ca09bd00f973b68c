"""Fits a config to a folder of one's own images: classes, sizes, batches, epochs."""

import math
import os
from typing import Any, Dict, List, NamedTuple, Optional, Sequence

from mmengine.config import Config

from mmdsnas.datasets import FolderContents, find_classes, look_at
from mmdsnas.datasets.folder_contents import BROKEN
from mmdsnas.errors import ConfigError
from .config_parts import LOADERS

# The network halves the resolution five times; of less than 64 pixels BatchNorm
# would see one value a channel and image in the end.
STRIDE = 32
SMALLEST, LARGEST = 64, 128
# As many as the 45 epochs of the digits' search see.
IMAGES_SEEN = 64000
FEWEST_EPOCHS, MOST_EPOCHS = 20, 80
SMALLEST_BATCH, LARGEST_BATCH = 16, 64
# Of an epoch, if there are images enough for the smallest batch.
STEPS = 16
# Where the stages begin, as parts of the epochs: those of the digits' search.
PRETRAINED, SEARCHED = 7 / 45, 28 / 45
# Validations and checkpoints of a run; on few images they cost more than its steps.
VALIDATIONS = 20
# Transforms that make an image of the input size, and of a test the part around it.
SIZED = {
    'RandomResizedCrop': ('scale', 1.0),
    'LoadRandomResizedCrop': ('scale', 1.0),
    'CenterCrop': ('crop_size', 1.0),
    'ResizeEdge': ('scale', 1.15),
    'LoadResizeEdge': ('scale', 1.15),
}


class Plan(NamedTuple):
    """How long, and with what, a network is trained.

    Attributes:
        input_size (int): Height and width of its images, pixels.
        epochs (int): Length of the run.
        batch_size (int): Images of a step.
    """

    input_size: int
    epochs: int
    batch_size: int


def plan_for(num_images: int, size: Sequence[int]) -> Plan:
    """What suits an amount of data, if nothing else is known of it.

    The input is the images' median short edge, rounded up to a multiple of 32, from
    64 to 128 pixels. The batch is the largest power of two from 16 to 64 with at
    least 16 steps an epoch. The epochs show 64,000 images to the network, but are
    from 20 to 80. So the 1,438 digits of scikit-learn get what their own config has.

    Args:
        num_images (int): To train on, at least 1.
        size (Sequence[int]): Medians of their heights and widths, pixels.
    """
    edge = STRIDE * math.ceil(min(size) / STRIDE)
    batch = 2 ** int(math.log2(max(num_images / STEPS, 1)))
    epochs = math.ceil(IMAGES_SEEN / num_images)
    return Plan(
        input_size=_within(edge, SMALLEST, LARGEST),
        epochs=_within(epochs, FEWEST_EPOCHS, MOST_EPOCHS),
        batch_size=_within(batch, SMALLEST_BATCH, LARGEST_BATCH),
    )


def _within(value: int, least: int, most: int) -> int:
    return min(max(value, least), most)


def fill_num_classes(config: Config) -> None:
    """Counts the class folders for every ``num_classes=None`` of the model.

    Args:
        config (Config): Changed in place.

    Raises:
        ConfigError: ``num_classes`` is None, but the data set has no class
            folders to count.
    """
    unset = [
        d
        for d in _dicts(config.get('model', {}))
        if 'num_classes' in d and d['num_classes'] is None
    ]
    if not unset:
        return
    for loader in LOADERS:
        dataset = (config.get(loader) or {}).get('dataset', {})
        if _is(dataset, 'ImageFolder'):
            for part in unset:
                part['num_classes'] = len(find_classes(dataset.data_root))
            return
    raise ConfigError(
        'num_classes of the model is None, which means as many classes as '
        'there are folders, but no data set of the config is an ImageFolder; '
        'set num_classes.'
    )


def _dicts(value: Any):
    if isinstance(value, dict):
        yield value
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from _dicts(part)


def fit_to_images(config: Config, input_size: Optional[int] = None) -> None:
    """Looks at the images and sets what depends on them.

    Args:
        config (Config): With ``own_images``, a dict whose ``input_size``, ``epochs``
            and ``batch_size`` are numbers, or None for what :func:`plan_for` says.
            Changed in place: pipelines, loaders, learning rate, schedules, stages,
            and ``own_images``, which gets the numbers, and what was found as
            ``found``.
        input_size (int, optional): What takes the place of an ``input_size`` of None.

    Raises:
        ConfigError: The training data are no ``ImageFolder``, or there are too few
            epochs for three stages.
        DataError: The folder cannot be used, see :func:`look_at`.
    """
    own, dataset = config.own_images, config.train_dataloader.dataset
    if not _is(dataset, 'ImageFolder'):
        raise ConfigError(
            'own_images must be None where the training data are no ImageFolder, but '
            f'are a {dataset.type}.'
        )
    found = look_at(dataset.data_root, dataset.get('val_ratio', 0.2))
    num_images = sum(found.images['train'].values())
    given = {name: own.get(name) for name in Plan._fields}
    given['input_size'] = given['input_size'] or input_size
    plan = plan_for(num_images, found.size)
    plan = plan._replace(**{name: n for name, n in given.items() if n is not None})
    config.own_images = dict(**plan._asdict(), found=_record(found, dataset.data_root))
    _fit_data(config, plan, found.left_out[BROKEN], num_images)
    _fit_schedule(config, plan)


def _record(found: FolderContents, data_root: str) -> Dict[str, Any]:
    """What was found, as a config and a report can hold it."""
    record = {'folder': os.path.abspath(os.path.expanduser(data_root))}
    record.update(found._asdict())
    record['channels'] = {str(k): n for k, n in found.channels.items()}
    return record


def _is(part: Dict[str, Any], name: str) -> bool:
    return str(part.get('type')).split('.')[-1] == name


def _fit_data(config: Config, plan: Plan, broken: List[str], num_images: int) -> None:
    folder = config.train_dataloader.dataset.data_root
    for name in LOADERS:
        loader = config.get(name)
        if loader is None:
            continue
        for transform in loader.dataset.get('pipeline', ()):
            option, part = SIZED.get(str(transform['type']).split('.')[-1], (None, 0))
            if option:
                transform[option] = round(part * plan.input_size)
        if loader.dataset.get('data_root') == folder:
            loader.dataset.left_out = broken
    config.train_dataloader.batch_size = plan.batch_size
    # Ten lines an epoch at most, and one at least.
    steps = math.ceil(num_images / plan.batch_size)
    logger = config.get('default_hooks', {}).get('logger')
    if logger is not None:
        logger.interval = _within(steps // 2, 1, logger.get('interval', 50))


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
        shape = (1, 3, plan.input_size, plan.input_size)
        model.resource_estimator.input_shape = shape
    base = config.get('auto_scale_lr', {}).get('base_batch_size')
    if base:
        optimizer = wrapper.get('architecture', wrapper).optimizer
        optimizer.lr *= plan.batch_size / base
        # It is the one of this batch now.
        config.auto_scale_lr.base_batch_size = plan.batch_size
    schedulers = config.param_scheduler
    if isinstance(schedulers, dict):
        schedulers = schedulers.architecture
    for scheduler in schedulers:
        if _is(scheduler, 'CosineAnnealingLR'):
            scheduler.end = plan.epochs
            scheduler.T_max = plan.epochs - scheduler.get('begin', 0)
