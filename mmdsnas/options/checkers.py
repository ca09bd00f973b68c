"""Small objects that know what an option may be, and say it in words."""

import difflib
import os
import reprlib
from typing import Any, Iterable, List, Tuple

import torch

# What is wrong: where inside the value ('' is the value itself), and a predicate.
Problem = Tuple[str, str]

# Beyond it a number is infinite in the float32 of a network.
LARGEST = torch.finfo(torch.float32).max


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

    Args:
        name (Any): What was given.
        known (Iterable[str]): What there is.

    Returns:
        str: The nearest name; without one, those that there are if they are few.
    """
    known = sorted(known)
    found = difflib.get_close_matches(str(name)[:60], known, 1)
    if found:
        return f' (nearest: {found[0]!r})'
    return f' (there are {", ".join(known)})' if 0 < len(known) <= 12 else ''


class Checker:
    """What an option may be; ``str`` says it so that 'must be ...' reads well."""

    def allows(self, value: Any) -> bool:
        """Whether the option may have this value."""
        raise AssertionError(f'{type(self).__name__} checks by problems() alone.')

    def problems(self, value: Any) -> List[Problem]:
        """What is wrong with a value; nothing if it is allowed."""
        if self.allows(value):
            return []
        return [('', f'must be {self}, but is {shown(value)}')]


class _Number(Checker):
    """A number with bounds.

    Args:
        minimum (int | float, optional): Smallest value.
        maximum (int | float, optional): Largest value.
        above (int | float, optional): The value must be larger.
        below (int | float, optional): The value must be smaller.
    """

    types: Tuple[type, ...]
    words: str

    def __init__(self, minimum=None, maximum=None, above=None, below=None) -> None:
        self.minimum, self.maximum = minimum, maximum
        self.above, self.below = above, below

    def allows(self, value: Any) -> bool:
        return (
            isinstance(value, self.types)
            and not isinstance(value, bool)
            # Each comparison is false for nan.
            and (self.minimum is None or value >= self.minimum)
            and (self.maximum is None or value <= self.maximum)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )

    def __str__(self) -> str:
        bounds = {
            'at least': self.minimum,
            'above': self.above,
            'at most': self.maximum,
            'below': self.below,
        }
        given = [f'{words} {n}' for words, n in bounds.items() if n is not None]
        if None not in (self.minimum, self.maximum):
            given = [f'from {self.minimum} to {self.maximum}']
        return self.words + (f', {" and ".join(given)}' if given else '')


class Integer(_Number):
    """A whole number; True and False are none."""

    types = (int,)
    words = 'a whole number'


class Real(_Number):
    """A number, whole or not, that is finite in float32."""

    types = (int, float)
    words = 'a finite number'

    def allows(self, value: Any) -> bool:
        return super().allows(value) and -LARGEST <= value <= LARGEST


class Flag(Checker):
    """True or False."""

    def allows(self, value: Any) -> bool:
        return isinstance(value, bool)

    def __str__(self) -> str:
        return 'True or False'


class Text(Checker):
    """A string.

    Args:
        empty (bool): Whether it may be empty.
    """

    def __init__(self, empty: bool = False) -> None:
        self.empty = empty

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and (self.empty or bool(value))

    def __str__(self) -> str:
        return 'a string' + ('' if self.empty else ' that is not empty')


class File(Checker):
    """Where a file is."""

    def allows(self, value: Any) -> bool:
        return isinstance(value, os.PathLike) or Text().allows(value)

    def __str__(self) -> str:
        return 'the path of a file'


class Choice(Checker):
    """One of a few strings."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def allows(self, value: Any) -> bool:
        return isinstance(value, str) and value in self.names

    def __str__(self) -> str:
        return f'one of {", ".join(self.names)}'
