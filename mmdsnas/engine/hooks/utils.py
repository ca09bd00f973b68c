from typing import Any, Mapping

import torch.nn as nn
from mmengine.dist import get_rank
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS

# Hooks that choose the child, so that no epoch need train alpha.
CHOOSING = ('SelectChildHook', 'ChooseChildHook', 'HandMadeChildHook')


def model_of(runner: Runner) -> nn.Module:
    """The model of a runner, without its distributed wrapper."""
    model = runner.model
    return model.module if is_model_wrapper(model) else model


def algorithm_of(runner: Runner) -> DSNAS:
    """The search that a runner trains; a ``ConfigError`` if it is something else."""
    model = model_of(runner)
    if not isinstance(model, DSNAS):
        raise ConfigError(
            'the hooks of mmdsnas serve a model of type mmdsnas.DSNAS, but it is '
            f'{type(model).__name__}.'
        )
    return model


def named(algorithm: DSNAS, path: Mapping[str, str]) -> str:
    """A path, or a part of one, as lines of the log have it: ``0 tanh, 1 sine``."""
    label = algorithm.cost_table.labels()
    return ', '.join(f'{label[name]} {choice}' for name, choice in path.items())


def plan_of(runner: Runner) -> dict[str, Any]:
    """What a search is to do, for the ``meta`` that tells whether it is done."""
    algorithm = algorithm_of(runner)
    choosing = tuple(map(HOOKS.get, CHOOSING))
    children = (runner.cfg.get('own_images') or {}).get('children')
    told = dict(children=[tuple(of) for of in children]) if children else {}
    return dict(
        **told,
        max_epochs=runner.max_epochs,
        pretrain_epochs=algorithm.pretrain_epochs,
        finetune_epochs=algorithm.finetune_epochs,
        selects=any(isinstance(hook, choosing) for hook in runner.hooks),
    )


def common_seed(runner: Runner) -> int:
    """The seed of the run, which mmengine may have made another on every rank."""
    return runner.seed - get_rank() if _seeds_differ(runner) else runner.seed


def train_loader(runner: Runner, user: str) -> DataLoader:
    """A loader of the training data beside that of the training.

    Raises:
        ConfigError: The config has no training data, which the hook ``user`` needs.
    """
    config = runner.cfg.get('train_dataloader')
    if config is None:
        raise ConfigError(
            f'{user} computes statistics on training data, so the config must have a '
            'train_dataloader, but has none.'
        )
    config = {**config, 'persistent_workers': False}
    return runner.build_dataloader(config, runner.seed, _seeds_differ(runner))


def _seeds_differ(runner: Runner) -> bool:
    return runner.cfg.get('randomness', {}).get('diff_rank_seed', False)
