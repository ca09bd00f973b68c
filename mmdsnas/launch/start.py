"""Steps that let a run begin with a checkpoint."""

import os.path as osp
from logging import WARNING
from typing import Any, Dict

from mmengine.config import Config
from mmengine.logging import print_log

from mmdsnas.errors import ConfigError
from mmdsnas.subnets import is_of_search, use_recorded_subnet, warn_of_unfinished
from mmdsnas.subnets.checkpoint import LAST_CHECKPOINT
from mmdsnas.subnets.checkpoint_files import find_latest
from mmdsnas.subnets.metadata import check_resumable, last_lr
from .given_options import Given
from .run_options import is_search


def resume(config: Config, given: Given) -> Config:
    """Names the checkpoint that a run goes on with, if it is to.

    That is the one that is given, or the latest of the work dir that is whole; without
    one the run starts as its config says.

    Raises:
        CheckpointError: The work dir has checkpoints, but all are damaged.
    """
    if not given.resume and not config.get('resume'):
        return config
    checkpoint = given.resume or config.get('load_from') or True
    if checkpoint in (True, 'auto'):
        checkpoint = find_latest(given.checkpoints, config.work_dir)
    if checkpoint is None:
        _warn(
            f'There is no checkpoint in {config.work_dir} to resume: the run starts '
            'from its beginning.'
        )
        return config
    config.resume, config.load_from = True, str(checkpoint)
    return config


def start_from_checkpoint(config: Config, given: Given) -> Config:
    """Fills in what the config of a child leaves to ``load_from``.

    That is the subnet, if the checkpoint names one, and a learning rate of None,
    which means the last one of the checkpoint.

    Raises:
        CheckpointError: The checkpoint does not exist or cannot be loaded.
        ConfigError: The learning rate is None and there is nothing to take it from,
            or a search is to be resumed from a child, or the reverse.
        SubnetError: The checkpoint is of another subnet than the options'.
    """
    used = osp.join(config.get('work_dir') or '', LAST_CHECKPOINT)
    if not config.get('resume') and osp.isfile(used):
        _warn(
            f'{config.work_dir} has checkpoints of another run, which this one will '
            'overwrite; --resume would go on with it.'
        )
    lr = None
    if config.get('load_from') is not None:
        checkpoint = given.checkpoints.load(config.load_from)
        if config.get('resume'):
            _check_kind(config, checkpoint)
            check_resumable(checkpoint, config.load_from)
            _take_seed(config, checkpoint)
        use_recorded_subnet(config.model, checkpoint, given.options or {})
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


def use_tested_subnet(config: Config, given: Given) -> Config:
    """Gives a test the subnet of its checkpoint, whose weights alone are loaded."""
    config.load_from, config.resume = None, False
    use_recorded_subnet(config.model, given.tested, given.options or {})
    return config


def _check_kind(config: Config, checkpoint: Dict[str, Any]) -> None:
    if is_of_search(checkpoint) == is_search(config):
        return
    kinds = ('a child', 'a search')
    raise ConfigError(
        f'--resume must be a checkpoint of {kinds[is_search(config)]}, as the '
        f'config is, but {config.load_from} is one of '
        f'{kinds[not is_search(config)]}; to begin with its weights give it '
        'as load_from.'
    )


def _take_seed(config: Config, checkpoint: Dict[str, Any]) -> None:
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


def _warn(text: str) -> None:
    print_log(text, 'current', level=WARNING)
