"""What classes and functions can be given by name."""

import inspect
from typing import Callable, Optional, Set, Tuple


def is_of(cls: Callable, *packages: str) -> bool:
    """Whether a class or function belongs to one of some packages."""
    return getattr(cls, '__module__', '').split('.')[0] in packages


def options_of(cls: Callable) -> Tuple[Optional[Set[str]], Set[str]]:
    """What a class or function can be given by name.

    Args:
        cls (callable): ``**kwargs`` of a class of mmdsnas go to its base classes;
            what those of another package are for is not known.

    Returns:
        tuple: Names of all options, None if it takes any; and of those without a
        default value.
    """
    if not inspect.isclass(cls):
        return _parameters(cls, 0)[1:]
    known: Set[str] = set()
    required: Optional[Set[str]] = None
    for base in cls.__mro__[:-1]:
        if '__init__' not in vars(base):
            continue
        names, closed, needed = _parameters(base.__init__, 1)
        required = needed if required is None else required
        known |= names
        if closed is not None:
            return known, required
        if not is_of(cls, 'mmdsnas'):
            return None, required
    return (set(), set()) if required is None else (None, required)


def _parameters(
    function: Callable, skip: int
) -> Tuple[Set[str], Optional[Set[str]], Set[str]]:
    """Names of all, the same or None if there may be others, those required."""
    try:
        parameters = list(inspect.signature(function).parameters.values())[skip:]
    except ValueError:  # one written in C
        return set(), None, set()
    named = [
        p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
    ]
    names = {p.name for p in named}
    required = {p.name for p in named if p.default is p.empty}
    is_open = any(p.kind is p.VAR_KEYWORD for p in parameters)
    return names, None if is_open else names, required
