"""Looks into the values of a config."""

from typing import Any, Iterator


def type_name(part: Any) -> str:
    """The class that a config names, without its package; ``''`` if it names none."""
    kind = part.get('type') if isinstance(part, dict) else None
    return str(kind or '').rpartition('.')[2]


def values_in(value: Any) -> Iterator[Any]:
    """A value of a config, then all that lies inside it, from the outside."""
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
