"""Makes a config one of names and plain values, whose text gives it again."""

import inspect
import math
import os
from enum import Enum
from types import FunctionType
from typing import Any, Callable, Mapping

import numpy as np
from mmengine import registry as root
from mmengine.config import Config
from mmengine.config.lazy import LazyAttr, LazyObject
from mmengine.registry import Registry
from mmengine.runner import Priority, Runner
from mmengine.utils import get_object_from_string
from rich.pretty import pretty_repr

from mmdsnas.errors import ConfigError
from mmdsnas.registry import SCOPE
from mmdsnas.utils.words import shown

# Options whose value is the name of a class or function, or these themselves.
TYPES = ('constructor', 'ema_type', 'runner_type', 'type')
RUNNER = (*inspect.signature(Runner.__init__).parameters, *TYPES)


class PlainConfig(Config):
    """A config of plain values, whose text gives it again, whatever its keys are.

    mmengine's text has each key that looks like a name as an argument, also those
    that are words of Python, puts others between quotes that they may have
    themselves, and sorts what has an order, such as candidates.
    """

    @property
    def pretty_text(self) -> str:
        """The config as a Python file."""
        options = sorted(self.to_dict().items())
        lines = [f'{k} = {pretty_repr(v, max_width=85 - len(k))}' for k, v in options]
        # mmengine replaces what stands in double braces in a file.
        return '\n'.join([*lines, '']).replace('{{', '{\\x7b')


class _NotFinite(float):
    """Infinity or NaN, whose ``repr`` Python can read."""

    def __repr__(self) -> str:
        return f"float('{float.__repr__(self)}')"


def read_config(path: str | os.PathLike) -> Config:
    """Reads a config from a file in either style of mmengine.

    Raises:
        ConfigError: It makes something of what mmengine has not imported yet.
    """
    try:
        return Config.fromfile(str(path))
    except RuntimeError as error:
        if error.args:
            raise
        # All that mmengine says of what stands for an import.
        raise ConfigError(
            f'{path} must neither call nor derive from what it imports, which mmengine '
            'does not import yet: put that into a module, and name its classes as type.'
        ) from error


def plain_config(config: Config) -> PlainConfig:
    """A copy of a config with names in place of classes and functions.

    Raises:
        ConfigError: An option is no plain value and has no name.
    """
    # Without what the file imports; what lies inside is not imported yet.
    given = {name: dict.get(config._cfg_dict, name) for name in config.to_dict()}
    # Classes and functions at its top are no options, but what the file makes.
    made = (type, FunctionType, LazyAttr, LazyObject)
    given = {k: v for k, v in given.items() if k in RUNNER or not isinstance(v, made)}
    return PlainConfig(
        plain_options(given),
        cfg_text=config.text,
        filename=config.filename,
        env_variables=config.env_variables,
    )


def plain_options(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options of a config with names in place of classes and functions.

    Raises:
        ConfigError: Names all options that are no plain value and have no name.
    """
    problems: list[str] = []
    plain = {name: _plain(value, name, problems) for name, value in options.items()}
    if problems:
        raise ConfigError(f'{"; ".join(problems)}.')
    return plain


def _plain(value: Any, where: str, problems: list[str]) -> Any:
    if isinstance(value, (LazyAttr, LazyObject)):
        try:
            value = value.build()
        except ImportError as error:
            problems.append(f'{where} cannot be imported: {error}')
            return None
    if isinstance(value, dict):
        # Its own method imports.
        return {k: _plain(v, f'{where}.{k}', problems) for k, v in dict.items(value)}
    if isinstance(value, (list, tuple)):
        items = (_plain(v, f'{where}.{i}', problems) for i, v in enumerate(value))
        return list(items) if isinstance(value, list) else tuple(items)
    key = where.rpartition('.')[2]
    if key in TYPES and (callable(value) or isinstance(value, str)):
        name = _type_name(value)
        if name is None:
            problems.append(
                f'{where} must be a class or function that can be imported by its '
                f'name, but is {shown(value)}; register it, or move it to a module'
            )
        return name
    if key == 'collate_fn' and callable(value):
        return dict(type=_plain(value, f'{where}.type', problems))
    if isinstance(value, (np.ndarray, np.generic)):
        return _plain(value.tolist(), where, problems)
    if isinstance(value, os.PathLike):
        return os.fspath(value)
    if isinstance(value, Priority) or _is_plain(value) and isinstance(value, Enum):
        # mmengine takes the number of a priority as well.
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        return _NotFinite(value)
    if not _is_plain(value):
        problems.append(
            f'{where} must be a plain value such as a number or a string, but is '
            f'{shown(value)}; only {", ".join(TYPES)} can be a class'
        )
    return value


def _is_plain(value: Any) -> bool:
    if isinstance(value, (set, frozenset)):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, (bool, int, float, complex, str, bytes))


def _type_name(kind: str | Callable) -> str | None:
    """What a config calls a class or function; None: it has no name."""
    if isinstance(kind, str):
        if kind.count('.') < 2 or not all(n.isidentifier() for n in kind.split('.')):
            # A registered name, or what the check refuses.
            return kind
        found = get_object_from_string(kind)
        return found and _registered_name(found) or kind
    path = f'{getattr(kind, "__module__", "")}.{getattr(kind, "__qualname__", "")}'
    found = path.replace('.', '').isidentifier() and get_object_from_string(path)
    return _registered_name(kind) or (path if found is kind else None)


def _registered_name(kind: Callable) -> str | None:
    """The name by which a class or function is registered, with its scope."""
    for parent in (r for r in vars(root).values() if isinstance(r, Registry)):
        children = parent.children
        for place in (children[SCOPE], parent, *children.values()):
            for name in (n for n, found in place.module_dict.items() if found is kind):
                unique = not any(name in c.module_dict for c in children.values())
                return name if place is parent and unique else f'{place.scope}.{name}'
    return None
