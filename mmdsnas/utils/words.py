"""Values and names in messages."""

import difflib
import reprlib
from typing import Any, Iterable


class _ShortRepr(reprlib.Repr):
    """A bounded ``repr``: neither long nor, for shared lists, slow."""

    def __init__(self) -> None:
        super().__init__()
        self.maxstring = self.maxother = 60
        self.maxlevel = 3

    def repr_int(self, x: int, level: int) -> str:
        # Python refuses to write integers of thousands of digits.
        return repr(x) if abs(x) < 10**30 else f'an integer of {x.bit_length()} bits'


def shown(value: Any) -> str:
    """A value for a message: its ``repr``, shortened where it is long."""
    return ' '.join(_ShortRepr().repr(value).split())


def nearest(name: Any, known: Iterable[str]) -> str:
    """What a message says of a name that is not known.

    That is the nearest name; without one, all names that there are if they are few.
    """
    known = sorted(known)
    found = difflib.get_close_matches(str(name)[:60], known, 1)
    if found:
        return f' (nearest: {found[0]!r})'
    return f' (there are {", ".join(known)})' if 0 < len(known) <= 12 else ''


def unknown_option(where: str, name: Any, known: Iterable[str]) -> str:
    """The sentence, without its dot, on an option that a class does not have."""
    return f'{where} has no option {shown(name)}{nearest(name, known)}'


def listed(values: Iterable[Any]) -> str:
    """``7``, ``7 and 11``, ``7, 11 and 18``."""
    *first, last = map(str, values)
    return f'{", ".join(first)} and {last}' if first else last
