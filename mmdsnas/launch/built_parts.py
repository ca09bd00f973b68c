"""Names the part of a config that cannot be built, and what is wrong with it."""

import inspect
import re
import traceback
from contextlib import contextmanager
from typing import Any, Callable, Dict, Iterator, List, Optional, Set, Tuple, Type

from mmengine.config import Config
from mmengine.registry import Registry

from mmdsnas.errors import ConfigError
from mmdsnas.utils.foreign import FOREIGN, telling
from mmdsnas.utils.words import nearest, shown, unknown_option

UNKNOWN = re.compile(r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword .* '(\w+)'")


@contextmanager
def building(
    config: Config,
    kinds: Tuple[Type[Exception], ...] = FOREIGN,
    until: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Lets an error of what is built from a config name the part that is wrong.

    Args:
        config (Config): What is built from.
        kinds (tuple[type]): Errors that are the config's.
        until (callable): Whether all is built, and an error is something else.

    Raises:
        ConfigError: A part cannot be built.
    """
    try:
        yield
    except kinds as error:
        if until():
            raise
        builders = _builders(error)
        places = (place_of(_given(scope), config) for scope in builders)
        place = next(filter(None, places), '')
        sentence = _sentence(error, builders, place)
        if sentence:
            raise ConfigError(f'{sentence}.') from error
        if isinstance(error, ConfigError) and place:
            error.args = (f'{place}: {error}',)
        with telling(place or 'the run cannot be built from its config'):
            raise


def place_of(given: Dict[str, Any], config: Config) -> str:
    """The option of a config that a part was built from; empty if there is none.

    Args:
        given (dict): What was built; who built it may have put options in.
        config (Config): Where it is looked for.
    """
    most, found = 0, ''
    for place, part in _parts(config.to_dict(), ''):
        shared = [name for name in part if name in given]
        alike = all(repr(part[name]) == repr(given[name]) for name in shared)
        # The part may leave its type to a default.
        alike &= 'type' in shared or 'type' not in part
        if alike and len(shared) > most:
            most, found = len(shared), place
    return found


def _parts(value: Any, place: str) -> Iterator[Tuple[str, Dict[str, Any]]]:
    if isinstance(value, dict) and place:
        yield place, value
    if isinstance(value, (list, tuple)):
        value = dict(enumerate(value))
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield from _parts(inner, f'{place}.{name}'.lstrip('.'))


def _builders(error: Exception) -> List[Dict[str, Any]]:
    """The variables of all functions that build, on the way to an error, last first.

    ``build_from_cfg`` of mmengine has ``cfg``, ``registry``, ``obj_type`` and
    ``obj_cls`` among them.
    """
    frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    names = re.compile('_?build')
    return [f.f_locals for f in reversed(frames) if names.match(f.f_code.co_name)]


def _given(scope: Dict[str, Any]) -> Dict[str, Any]:
    """What a function that builds was given, the first of its variables that fits."""
    return next((value for value in scope.values() if isinstance(value, dict)), {})


def _sentence(
    error: Exception, builders: List[Dict[str, Any]], place: str
) -> Optional[str]:
    """What is wrong with a type or with the name of an option; None: something else."""
    scope = builders[0] if builders else {}
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
        f'{scoped.scope}, but is {shown(kind)}{nearest(kind, names_in(scoped))}'
    )


def _options(cls: Any) -> List[str]:
    """Names of all options of a class and of its bases."""
    bases = cls.__mro__[:-1] if inspect.isclass(cls) else ()
    inits = [vars(base)['__init__'] for base in bases if '__init__' in vars(base)]
    return [n for init in inits for n in inspect.signature(init).parameters][1:]


def names_in(scoped: Registry) -> Set[str]:
    """Names that a config can use: plain ones, and those of other packages."""
    places = scoped.places() if hasattr(scoped, 'places') else (scoped, scoped.root)
    names = {name for place in places for name in place.module_dict}
    for scope, child in scoped.root.children.items():
        names |= {f'{scope}.{name}' for name in child.module_dict}
    return names
