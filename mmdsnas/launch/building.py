"""Builds what a config describes; an error names the part that is wrong, and why."""

import inspect
import re
import traceback
from contextlib import contextmanager
from types import FrameType
from typing import Any, Callable, Iterator

from mmengine.config import Config
from mmengine.hooks import CheckpointHook
from mmengine.model import BaseModel
from mmengine.registry import Registry, init_default_scope
from mmengine.runner import Runner
from mmengine.runner.checkpoint import _load_checkpoint_with_prefix

from mmdsnas.engine import SearchStageHook
from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.models.weights import shortened
from mmdsnas.registry import MODELS, RUNNERS, SCOPE
from mmdsnas.subnets import config_input_shape, sub_model
from mmdsnas.utils.foreign import FOREIGN, telling
from mmdsnas.utils.words import nearest, shown, unknown_option

UNKNOWN = re.compile(r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword .* '(\w+)'")


def build_model(config: Config, subnet: Any = None) -> BaseModel:
    """Builds the network of a config alone, or a child of a search's.

    Args:
        config (Config): Of the network, or of the search.
        subnet (Subnet | str, optional): Candidate by block, or a file that has it.

    Raises:
        SubnetError: It is a subnet of another supernet.
    """
    init_default_scope(config.get('default_scope') or SCOPE)
    with building(config):
        if subnet is None:
            return MODELS.build(config.model)
        shape = config_input_shape(config.model)
        return sub_model(config.model.architecture, subnet, input_shape=shape)


def build_runner(config: Config) -> Runner:
    """Builds the runner of a config, whose default scope stays that of the process.

    ``RUNNERS.build`` would either not find it, or end the scope with the building.
    """
    kind = config.get('runner_type') or 'Runner'
    cls = RUNNERS.get(kind)
    if not (inspect.isclass(cls) and issubclass(cls, Runner)):
        raise ConfigError(
            f'runner_type must be a subclass of Runner, but is {shown(kind)}'
            f'{"" if cls else nearest(kind, _names_in(RUNNERS))}.'
        )
    with building(config):
        return cls.from_cfg(config)


def build_training(runner: Runner) -> None:
    """Builds all that a training needs, which mmengine does when it begins.

    Raises:
        ConfigError: It cannot be built, a hook is missing, or one ignores an option.
    """
    with building(runner.cfg):
        # mmengine builds the data when they are first asked for.
        _ = runner.train_loop, runner.val_loop
        runner.optim_wrapper = runner.build_optim_wrapper(runner.optim_wrapper)
        if (schedules := runner.param_schedulers) is not None:
            runner.param_schedulers = runner.build_param_scheduler(schedules)
    searches = isinstance(getattr(runner.model, 'module', runner.model), DSNAS)
    if searches and not any(isinstance(h, SearchStageHook) for h in runner.hooks):
        raise ConfigError(
            "default_hooks must have search_stage=dict(type='SearchStageHook'), which "
            'tells DSNAS the epoch, but has none.'
        )
    taken = inspect.signature(runner.save_checkpoint).parameters
    for hook in runner.hooks:
        own = hook.args if isinstance(hook, CheckpointHook) else {}
        if unknown := set(own) - set(taken):
            # It hands on what it does not know, at the first checkpoint.
            where = f'default_hooks.checkpoint ({type(hook).__name__})'
            known = [*inspect.signature(CheckpointHook).parameters, *taken]
            raise ConfigError(f'{unknown_option(where, min(unknown), known)}.')


@contextmanager
def building(
    config: Config,
    kinds: tuple[type[Exception], ...] = FOREIGN,
    until: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Lets an error of what is built from a config name the part that is wrong.

    Errors of ``kinds`` become a ConfigError, unless ``until()`` says that all is built.
    """
    try:
        yield
    except kinds as error:
        if until():
            raise
        # The variables of all functions that build, the innermost first. mmengine's
        # build_from_cfg has cfg, registry, obj_type and obj_cls among them.
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)][::-1]
        scopes = [f.f_locals for f in frames if re.match('_?build', f.f_code.co_name)]
        parts = list(_parts(config.to_dict(), ''))
        places = (_place_of(scope, parts) for scope in scopes)
        place = next(filter(None, places), '')
        if sentence := _wrong_prefix(frames[0]) or _sentence(
            error, scopes[0] if scopes else {}, place
        ):
            raise ConfigError(f'{sentence}.') from error
        if isinstance(error, ConfigError) and place:
            error.args = (f'{place}: {error}',)
        with telling(place or 'the run cannot be built from its config'):
            raise


def _place_of(scope: dict[str, Any], parts: list[tuple[str, dict[str, Any]]]) -> str:
    """The option that a function builds from, by its variables; empty: there is none.

    What it was given is the first variable that fits; others may have put options in.
    """
    given = next((value for value in scope.values() if isinstance(value, dict)), {})
    most, found = 0, ''
    for place, part in parts:
        shared = [name for name in part if name in given]
        alike = all(repr(part[name]) == repr(given[name]) for name in shared)
        # The part may leave its type to a default.
        alike &= 'type' in shared or 'type' not in part
        if alike and len(shared) > most:
            most, found = len(shared), place
    return found


def _parts(value: Any, place: str) -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(value, dict) and place:
        yield place, value
    if isinstance(value, (list, tuple)):
        value = dict(enumerate(value))
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield from _parts(inner, f'{place}.{name}'.lstrip('.'))


def _sentence(error: Exception, scope: dict[str, Any], place: str) -> str | None:
    """What is wrong with a type or with the name of an option; None: something else."""
    unknown = UNKNOWN.search(str(error))
    if isinstance(error, TypeError) and unknown:
        name, option = unknown.groups()
        known = _options(scope.get('obj_cls'))
        return unknown_option(f'{place} ({name})' if place else name, option, known)
    if not isinstance(error, KeyError) or 'registry' not in scope:
        return None
    where = place or f'the part {shown(scope["cfg"])}'
    kind, scoped = scope.get('obj_type'), scope['registry']
    if kind is None:
        return f'{where} must have a type, but has none'
    if scope['obj_cls'] is not None:
        return None
    return (
        f'{where}.type must be a class in the registry "{scoped.name}" of '
        f'{scoped.scope}, but is {shown(kind)}{nearest(kind, _names_in(scoped))}'
    )


def _wrong_prefix(innermost: FrameType) -> str | None:
    """What is wrong with the prefix of a ``Pretrained``; None: something else."""
    scope = innermost.f_locals
    if innermost.f_code is not _load_checkpoint_with_prefix.__code__:
        return None
    names = scope['checkpoint'].get('state_dict', scope['checkpoint'])
    begin = dict.fromkeys(f"'{str(name).partition('.')[0]}.'" for name in names)
    return (
        f'init_cfg.prefix must be None or what names in {scope["filename"]} begin with '
        f'({shortened(list(begin)) or "it has none"}), but is {shown(scope["prefix"])}'
    )


def _options(cls: Any) -> list[str]:
    """Names of all options of a class and of its bases."""
    bases = cls.__mro__[:-1] if inspect.isclass(cls) else ()
    inits = [vars(base)['__init__'] for base in bases if '__init__' in vars(base)]
    return [n for init in inits for n in inspect.signature(init).parameters][1:]


def _names_in(scoped: Registry) -> set[str]:
    """Names that a config can use: plain ones, and those of other packages."""
    places = scoped.places() if hasattr(scoped, 'places') else (scoped, scoped.root)
    names = {name for place in places for name in place.module_dict}
    for scope, child in scoped.root.children.items():
        names |= {f'{scope}.{name}' for name in child.module_dict}
    return names
