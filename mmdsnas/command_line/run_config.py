"""Fits a config to the command line, the data and the machine."""

import os.path as osp
from typing import Any, Dict, Optional

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.runner import find_latest_checkpoint

from mmdsnas.datasets import find_classes
from mmdsnas.errors import ConfigError
from mmdsnas.structures import use_recorded_subnet
from mmdsnas.utils.checkpoint import last_lr, load_checkpoint
from mmdsnas.utils.paths import find_config

LOADERS = ('train_dataloader', 'val_dataloader', 'test_dataloader')


def load_config(
    name: str, options: Optional[Dict[str, Any]] = None, resolve: bool = True
) -> Config:
    """Loads a config and merges options of the command line into it.

    Args:
        name (str): Path of a config, or the name of one of mmdsnas.
        options (dict, optional): ``--cfg-options``. An option ``data_root``
            also reaches the data sets that had the config's ``data_root``.
        resolve (bool): Whether to fill in what is found from the data.

    Returns:
        Config: With the number of classes filled in where it is None.
    """
    options = dict(options or {})
    config = Config.fromfile(str(find_config(name)))
    if 'data_root' in options:
        for loader in LOADERS:
            dataset = (config.get(loader) or {}).get('dataset', {})
            if 'data_root' in dataset and dataset.data_root == config.get('data_root'):
                dataset.data_root = options['data_root']
    config.merge_from_dict(options)
    if resolve:
        fill_num_classes(config)
    return config


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
        if dataset.get('type', '').split('.')[-1] == 'ImageFolder':
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


def set_work_dir(config: Config, work_dir: Optional[str]) -> None:
    """The command line's folder, else the config's, else one of its name."""
    if work_dir is not None:
        config.work_dir = work_dir
    elif config.get('work_dir') is None:
        name = osp.splitext(osp.basename(config.filename))[0]
        config.work_dir = osp.join('work_dirs', name)


def use_device(config: Config) -> None:
    """Fits data loaders and the distributed wrapper to the device."""
    on_cpu = get_device() == 'cpu'
    for loader in LOADERS:
        if config.get(loader) is not None:
            config[loader].setdefault('pin_memory', not on_cpu)
    if on_cpu and config.get('model_wrapper_cfg') is not None:
        # mmengine passes a local rank, which means a GPU.
        config.model_wrapper_cfg.device_ids = None


def enable_amp(config: Config) -> None:
    """Turns mixed precision on: float16 on CUDA, bfloat16 on the CPU.

    Raises:
        ConfigError: The config trains with one optimizer and there is no GPU.
    """
    if 'mutator' in config.optim_wrapper:
        config.optim_wrapper.setdefault('amp', dict())
        return
    if get_device() == 'cpu':
        raise ConfigError(
            '--amp needs a GPU for a config that trains a child '
            'alone; for a search it works on the CPU too.'
        )
    config.optim_wrapper.type = 'AmpOptimWrapper'


def resume(config: Config, checkpoint: str) -> None:
    """Lets a run go on with a checkpoint.

    Args:
        config (Config): Changed in place; has ``work_dir``.
        checkpoint (str): Its path; ``'auto'`` is the latest of the work dir, and
            without one the run starts as its config says.
    """
    if checkpoint == 'auto':
        checkpoint = find_latest_checkpoint(config.work_dir)
    if checkpoint is not None:
        config.resume = True
        config.load_from = checkpoint


def start_from_checkpoint(config: Config, options: Optional[Dict[str, Any]]) -> None:
    """Fills in what the config of a child leaves to ``load_from``.

    That is the subnet, if the checkpoint names one, and a learning rate of None,
    which means the last one of the checkpoint.

    Args:
        config (Config): Changed in place.
        options (dict, optional): ``--cfg-options``.

    Raises:
        CheckpointError: The checkpoint does not exist or cannot be loaded.
        ConfigError: The learning rate is None and there is nothing to take it from.
        SubnetError: The checkpoint is of another subnet than the options'.
    """
    wrapper = config.get('optim_wrapper') or {}
    optimizer = wrapper.get('architecture', wrapper).get('optimizer') or {}
    wants_lr = 'lr' in optimizer and optimizer['lr'] is None
    lr = None
    if config.get('load_from') is not None:
        checkpoint = load_checkpoint(config.load_from)
        use_recorded_subnet(config.model, checkpoint, options or {})
        lr = last_lr(checkpoint)
    if wants_lr and lr is None:
        raise ConfigError(
            'optim_wrapper.optimizer.lr is None, which means the last learning rate '
            f'of the checkpoint load_from, but {config.get("load_from")} has none; '
            'set one of them.'
        )
    if wants_lr:
        optimizer['lr'] = lr


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
    base = config.get('auto_scale_lr', {}).get('base_batch_size')
    if not base:
        raise ConfigError(
            '--auto-scale-lr needs auto_scale_lr = '
            'dict(base_batch_size=...) in the config, the batch '
            'size that its learning rate is meant for.'
        )
    config.auto_scale_lr.enable = False
    factor = config.train_dataloader.batch_size * get_world_size() / base
    wrapper = config.optim_wrapper
    wrapper.get('architecture', wrapper).optimizer.lr *= factor
    return factor
