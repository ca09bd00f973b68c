"""Builds all that a config describes before any work begins."""

import inspect
from typing import Any

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from mmengine.runner import Runner

from mmdsnas.engine import SearchStageHook
from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.registry import MODELS, RUNNERS, SCOPE
from mmdsnas.subnets import config_input_shape, sub_model
from mmdsnas.utils.words import nearest, shown, unknown_option
from .built_parts import building, names_in


def build_model(config: Config) -> BaseModel:
    """Builds the network of a config alone.

    Raises:
        ConfigError: It cannot be built.
    """
    init_default_scope(config.get('default_scope') or SCOPE)
    with building(config):
        return MODELS.build(config.model)


def build_subnet(config: Config, subnet: Any) -> BaseModel:
    """Builds a child of a search's config alone.

    Args:
        config (Config): Of the search.
        subnet (Subnet | str): Candidate by block, or a file that has it.

    Raises:
        ConfigError: It cannot be built.
        SubnetError: It is a subnet of another supernet.
    """
    init_default_scope(config.get('default_scope') or SCOPE)
    shape = config_input_shape(config.model)
    with building(config):
        return sub_model(config.model.architecture, subnet, input_shape=shape)


def build_runner(config: Config) -> Runner:
    """Builds the runner of a config, whose default scope stays that of the process.

    ``RUNNERS.build`` would either not find it, or end the scope with the building.

    Raises:
        ConfigError: It cannot be built.
    """
    kind = config.get('runner_type') or 'Runner'
    cls = RUNNERS.get(kind)
    if not (inspect.isclass(cls) and issubclass(cls, Runner)):
        near = '' if cls else nearest(kind, names_in(RUNNERS))
        what = f'runner_type must be a subclass of Runner, but is {shown(kind)}'
        raise ConfigError(f'{what}{near}.')
    with building(config):
        return cls.from_cfg(config)


def build_training(runner: Runner) -> None:
    """Builds all that a training needs, which mmengine does when it begins.

    Raises:
        ConfigError: It cannot be built, a hook is missing, or one ignores an option.
    """
    with building(runner.cfg):
        # mmengine builds the data when they are first asked for.
        for loop in ('train_loop', 'val_loop'):
            getattr(runner, loop)
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        if runner.param_schedulers is not None:
            schedules = runner.build_param_scheduler(runner.param_schedulers)
            runner.param_schedulers = schedules
    stages = any(isinstance(hook, SearchStageHook) for hook in runner.hooks)
    if isinstance(getattr(runner.model, 'module', runner.model), DSNAS) and not stages:
        raise ConfigError(
            "default_hooks must have search_stage=dict(type='SearchStageHook'), which "
            'tells DSNAS the epoch, but has none.'
        )
    taken = inspect.signature(runner.save_checkpoint).parameters
    for hook in runner.hooks:
        if isinstance(hook, CheckpointHook) and set(hook.args) - set(taken):
            # It hands on what it does not know, at the first checkpoint.
            where = f'default_hooks.checkpoint ({type(hook).__name__})'
            known = [*inspect.signature(CheckpointHook).parameters, *taken]
            unknown = min(set(hook.args) - set(taken))
            raise ConfigError(f'{unknown_option(where, unknown, known)}.')
