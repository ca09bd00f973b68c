"""Looks into the values of a config."""

from collections.abc import Iterator
from typing import Any


def type_name(part: Any) -> str:
    """The class that the config of something names, without the package before it.

    Args:
        part (Any): The config; what names no class, or is no dict, gives ``''``.
    """
    kind = part.get('type') if isinstance(part, dict) else None
    return str(kind or '').rpartition('.')[2]


def values_in(value: Any) -> Iterator[Any]:
    """A value of a config, then all that lies inside it, from the outside.

    Args:
        value (Any): The value; dicts, lists and tuples have others inside.
    """
    yield value
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, (list, tuple)):
        for part in value:
            yield from values_in(part)


def values_of(value: Any, name: str) -> Iterator[Any]:
    """All values of an option, wherever it stands in a value of a config."""
    dicts = (part for part in values_in(value) if isinstance(part, dict))
    return (part[name] for part in dicts if name in part)
