"""What a run begins with: the checkpoint that it resumes or takes weights from."""

import os.path as osp
from logging import WARNING
from typing import Any, Dict, Optional

from mmengine.config import Config
from mmengine.logging import print_log

from mmdsnas.errors import ConfigError
from mmdsnas.subnets import is_of_search, use_recorded_subnet, warn_of_unfinished
from mmdsnas.subnets.checkpoint_files import Checkpoints, find_latest
from mmdsnas.subnets.file_names import LAST_CHECKPOINT
from mmdsnas.subnets.metadata import check_resumable, last_lr
from .runner_options import is_search


def resume(
    config: Config, checkpoint: str, checkpoints: Optional[Checkpoints] = None
) -> None:
    """Lets a run go on with a checkpoint.

    Args:
        config (Config): Changed in place; has ``work_dir``.
        checkpoint (str): Its path; ``'auto'`` is the latest of the work dir that is
            whole, and without one the run starts as its config says.
        checkpoints (Checkpoints, optional): What loads them.

    Raises:
        CheckpointError: The work dir has checkpoints, but all are damaged.
    """
    if checkpoint == 'auto':
        checkpoint = find_latest(checkpoints or Checkpoints(), config.work_dir)
    if checkpoint is None:
        print_log(
            f'There is no checkpoint in {config.work_dir} to resume: the run starts '
            'from its beginning.',
            'current',
            level=WARNING,
        )
        return
    config.resume = True
    config.load_from = checkpoint


def start_from_checkpoint(
    config: Config,
    options: Optional[Dict[str, Any]],
    checkpoints: Optional[Checkpoints] = None,
) -> None:
    """Fills in what the config of a child leaves to ``load_from``.

    That is the subnet, if the checkpoint names one, and a learning rate of None,
    which means the last one of the checkpoint.

    Args:
        config (Config): Changed in place.
        options (dict, optional): ``--cfg-options``.
        checkpoints (Checkpoints, optional): What loads them.

    Raises:
        CheckpointError: The checkpoint does not exist or cannot be loaded.
        ConfigError: The learning rate is None and there is nothing to take it from,
            or a search is to be resumed from a child, or the reverse.
        SubnetError: The checkpoint is of another subnet than the options'.
    """
    used = osp.join(config.get('work_dir') or '', LAST_CHECKPOINT)
    if not config.get('resume') and osp.isfile(used):
        print_log(
            f'{config.work_dir} has checkpoints of another run, which this one will '
            'overwrite; --resume would go on with it.',
            'current',
            level=WARNING,
        )
    wrapper = config.get('optim_wrapper') or {}
    optimizer = wrapper.get('architecture', wrapper).get('optimizer') or {}
    wants_lr = 'lr' in optimizer and optimizer['lr'] is None
    lr = None
    if config.get('load_from') is not None:
        checkpoint = (checkpoints or Checkpoints()).load(config.load_from)
        if config.get('resume') and is_of_search(checkpoint) != is_search(config):
            kinds = ('a child', 'a search')
            raise ConfigError(
                f'--resume must be a checkpoint of {kinds[is_search(config)]}, as the '
                f'config is, but {config.load_from} is one of '
                f'{kinds[not is_search(config)]}; to begin with its weights give it '
                'as load_from.'
            )
        if config.get('resume'):
            check_resumable(checkpoint, config.load_from)
            _take_seed(config, checkpoint)
        use_recorded_subnet(config.model, checkpoint, options or {})
        if not is_search(config):
            warn_of_unfinished(checkpoint, config.load_from)
        lr = last_lr(checkpoint)
        if config.get('resume'):
            # What the run began with: its schedules come from the checkpoint.
            options = (checkpoint['meta'].get('run') or {}).get('options', {})
            lr = options.get('optim_wrapper.optimizer.lr', lr)
    if wants_lr and lr is None:
        raise ConfigError(
            'optim_wrapper.optimizer.lr is None, which means the last learning rate '
            f'of the checkpoint load_from, but {config.get("load_from")} has none; '
            'set one of them.'
        )
    if wants_lr:
        optimizer['lr'] = lr
        print_log(
            f'The learning rate is that of {config.load_from}: {lr:g}.', 'current'
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
        print_log(
            f'randomness.seed is {own["seed"]}, but a resumed run keeps its seed, '
            f'which is {seed}.',
            'current',
            level=WARNING,
        )
    config.randomness = {**own, 'seed': seed}
