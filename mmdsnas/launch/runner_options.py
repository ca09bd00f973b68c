"""Options of mmengine's Runner that a search reads in a way of its own."""

import inspect
import logging
from typing import Any, Dict, List

import torch
from mmengine import registry as root
from mmengine.config import Config
from mmengine.runner import Runner

from mmdsnas import registry
from mmdsnas.utils.words import shown, unknown_option
from .config_parts import Part, Parts

SCHEDULER = Part(root.PARAM_SCHEDULERS, extra=('convert_to_iter_based',))
# What mmengine needs all of, or none.
TOGETHER = (
    ('train_dataloader', 'train_cfg', 'optim_wrapper'),
    ('val_dataloader', 'val_cfg', 'val_evaluator'),
    ('test_dataloader', 'test_cfg', 'test_evaluator'),
)
# Options whose keys are arguments.
PASSED_ON = dict(randomness=Runner.set_randomness, compile=torch.compile)
WRAPPER = 'model_wrapper_cfg'
# The optimizers of a search.
OPTIMIZERS = ('architecture', 'mutator')


def build_runner(config: Config) -> Runner:
    """Builds the runner of a config, whose default scope stays that of the process.

    ``RUNNERS.build`` would either not find it, or end the scope with the building.
    """
    return registry.RUNNERS.get(config.get('runner_type') or 'Runner').from_cfg(config)


def is_search(config: Config) -> bool:
    """Whether a config is that of a search, with an optimizer for alpha."""
    wrapper = config.get('optim_wrapper')
    return isinstance(wrapper, dict) and 'mutator' in wrapper


def schedules_of_weights(config: Config) -> List[Dict[str, Any]]:
    """The schedules of the weights' optimizer, in whichever form they are given.

    As in mmengine, ``param_scheduler`` is None, one schedule or a list of them, which
    every optimizer gets, or in a search a dict of these by optimizer.
    """
    given = config.get('param_scheduler')
    if isinstance(given, dict) and 'type' not in given:
        given = given.get(OPTIMIZERS[0])
    if given is None:
        return []
    return [given] if isinstance(given, dict) else list(given)


def fill_schedules(config: Config) -> None:
    """Gives an optimizer that has no schedule an empty list, as mmengine wants it."""
    given = config.get('param_scheduler')
    if isinstance(given, dict) and 'type' not in given:
        for name in OPTIMIZERS:
            given[name] = [] if given.get(name) is None else given[name]


def check_runner_options(parts: Parts, config: Config) -> None:
    """Checks schedules, which runner there is, and that each loop has all it needs."""
    # Without a loop it is no config of a run, but one that a child is built from.
    runs = any(name in config for group in TOGETHER for name in group[1:2])
    for group in TOGETHER if runs else ():
        missing = [name for name in group if config.get(name) is None]
        if 0 < len(missing) < len(group):
            there = ', '.join(name for name in group if name not in missing)
            problem = f'must be set where there is {there}'
            parts.note(' and '.join(missing), problem)
    _check_schedules(parts, config)
    for name, function in PASSED_ON.items():
        given = config.get(name)
        known = list(inspect.signature(function).parameters)[1:]
        for key in given if isinstance(given, dict) else ():
            if key not in known:
                parts.problems.append(unknown_option(name, key, known))
    if not isinstance(config.get('compile', False), (bool, dict, type(None))):
        parts.note('compile', f'must be a bool or a dict, but is {config.compile!r}')
    if config.get('auto_scale_lr') is not None:
        parts.is_dict('auto_scale_lr', config.auto_scale_lr)
    level = config.get('log_level', 'INFO')
    if isinstance(level, str) and not isinstance(logging.getLevelName(level), int):
        parts.note('log_level', f'must be a level of logging, but is {level!r}')
    own, wrapper = config.get('find_unused_parameters'), config.get(WRAPPER)
    alone = own is not None and isinstance(wrapper, dict)
    if alone and own != wrapper.get('find_unused_parameters'):
        what = f'must be set in {WRAPPER}, which alone is read where there is one'
        parts.note('find_unused_parameters', what)
    if is_search(config) and config.get('efficient_conv_bn_eval'):
        what = 'must be None in a search, whose paths are other networks than it traces'
        parts.note('efficient_conv_bn_eval', what)
    kind = config.get('runner_type') or 'Runner'
    cls = parts.find('runner_type', kind, registry.RUNNERS)
    if cls is not None and not (isinstance(cls, type) and issubclass(cls, Runner)):
        what = f'must be a subclass of Runner, but is {shown(kind)}'
        parts.note('runner_type', what)
    if config.get('strategy') is not None:
        parts.note(
            'strategy',
            'must be None, because it is an option of FlexibleRunner, which runs no '
            f'search, but is {shown(config.strategy)}',
        )


def _check_schedules(parts: Parts, config: Config) -> None:
    given = config.get('param_scheduler')
    if given is None:
        return
    if not isinstance(given, dict) or 'type' in given:
        parts.check('param_scheduler', given, SCHEDULER, many=True)
    elif not is_search(config):
        parts.note(
            'param_scheduler',
            'must be a schedule or a list of them where there is one optimizer, but '
            f'is a dict of {shown(list(given))}',
        )
    else:
        for name, group in given.items():
            if name not in OPTIMIZERS:
                problem = unknown_option('param_scheduler', name, OPTIMIZERS)
                parts.problems.append(problem)
            elif group is not None:
                where = f'param_scheduler.{name}'
                parts.check(where, group, SCHEDULER, many=True)
