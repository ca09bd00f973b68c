"""Checkers of values that hold other values."""

import math
from typing import Any, Dict, List, Optional, Tuple

import torch.nn as nn

from .checkers import Checker, Integer, Problem, nearest, shown


class Maybe(Checker):
    """None or something else."""

    def __init__(self, checker: Checker) -> None:
        self.checker = checker

    def problems(self, value: Any) -> List[Problem]:
        if value is None:
            return []
        return [
            (where, what.replace('must be ', 'must be None or ', not where))
            for where, what in self.checker.problems(value)
        ]

    def __str__(self) -> str:
        return f'None or {self.checker}'


class Either(Checker):
    """One of several kinds of values."""

    def __init__(self, *checkers: Checker) -> None:
        self.checkers = checkers

    def allows(self, value: Any) -> bool:
        return any(not checker.problems(value) for checker in self.checkers)

    def __str__(self) -> str:
        return ' or '.join(map(str, self.checkers))


class ListOf(Checker):
    """A list or tuple.

    Args:
        item (Checker): What each item may be.
        minimum (int): Smallest number of items.
    """

    def __init__(self, item: Checker, minimum: int = 0) -> None:
        self.item = item
        self.minimum = minimum

    def problems(self, value: Any) -> List[Problem]:
        if not isinstance(value, (list, tuple)) or len(value) < self.minimum:
            return [('', f'must be {self}, but is {shown(value)}')]
        return [
            (f'.{i}{where}', what)
            for i, item in enumerate(value)
            for where, what in self.item.problems(item)
        ]

    def __str__(self) -> str:
        some = f' of at least {self.minimum}' if self.minimum else ''
        return f'a list{some}, each item {self.item}'


class Pair(Checker):
    """A list or tuple of two whole numbers, at least 1.

    Args:
        words (str): What the two are.
        maximum (tuple[int, int]): The largest of each.
    """

    def __init__(self, words: str, maximum: Tuple[int, int]) -> None:
        self.words = words
        self.items = [Integer(1, most) for most in maximum]

    def allows(self, value: Any) -> bool:
        return (
            isinstance(value, (list, tuple))
            and len(value) == 2
            and all(item.allows(n) for item, n in zip(self.items, value))
        )

    def __str__(self) -> str:
        return (
            self.words
            + f', from 1 to {self.items[0].maximum} and from 1 to '
            + str(self.items[1].maximum)
        )


class InputShape(Checker):
    """Shape of a batch of one input with channels, for a network."""

    largest = 2**26

    def allows(self, value: Any) -> bool:
        return (
            isinstance(value, (list, tuple))
            and 3 <= len(value) <= 5
            and all(Integer(1).allows(n) for n in value)
            and value[0] == 1
            # A network's memory grows with it.
            and math.prod(value) <= self.largest
        )

    def __str__(self) -> str:
        return (
            'the shape of one input with its batch size, 3 to 5 whole numbers, at '
            f'most {self.largest} values in all, e.g. (1, 3, 224, 224)'
        )


class Mapping(Checker):
    """A dict whose keys are strings.

    Args:
        value (Checker, optional): What each value may be.
        minimum (int): Smallest number of entries.
        modules (bool): Whether an ``nn.ModuleDict`` serves as well.
        keys (tuple[str, ...], optional): The keys that there may be.
    """

    def __init__(
        self,
        value: Optional[Checker] = None,
        minimum: int = 0,
        modules: bool = False,
        keys: Optional[Tuple[str, ...]] = None,
    ) -> None:
        self.value = value
        self.minimum = minimum
        self.keys = keys
        self.types = (dict, nn.ModuleDict) if modules else (dict,)

    def problems(self, value: Any) -> List[Problem]:
        if (
            not isinstance(value, self.types)
            or len(value) < self.minimum
            or not all(isinstance(key, str) for key in value)
            or (self.keys is not None and not set(value) <= set(self.keys))
        ):
            return [('', f'must be {self}, but is {shown(value)}')]
        if self.value is None:
            return []
        return [
            (f'.{key}{where}', what)
            for key, entry in value.items()
            for where, what in self.value.problems(entry)
        ]

    def __str__(self) -> str:
        some = {0: '', 1: ' with at least one entry'}[self.minimum]
        if self.keys is None:
            return f'a dict{some} whose keys are strings'
        return f'a dict{some} whose keys are among {", ".join(self.keys)}'


class Part(Checker):
    """A module, or the config that one is built from.

    Args:
        method (str, optional): A method that the built object has. None: whoever is
            given it looks at it.
        default (str, optional): The type of a config that gives none.
    """

    def __init__(self, method: Optional[str], default: Optional[str] = None) -> None:
        self.method = method
        self.default = default

    def allows(self, value: Any) -> bool:
        if isinstance(value, dict):
            return self.default is not None or 'type' in value
        if self.method is None:
            return True
        return not isinstance(value, type) and hasattr(value, self.method)

    def __str__(self) -> str:
        return 'a config' + ('' if self.default else ' (a dict with a type)')


class Options(Checker):
    """A dict of options of its own.

    Args:
        options (dict[str, Checker]): What there is.
        required (tuple[str, ...]): Which of them have to be there.
        others (bool): Whether there may be others, of any value.
    """

    def __init__(
        self,
        options: Dict[str, Checker],
        required: Tuple[str, ...] = (),
        others: bool = False,
    ) -> None:
        self.options = options
        self.required = required
        self.others = others

    def problems(self, value: Any) -> List[Problem]:
        if not isinstance(value, dict):
            return [('', f'must be {self}, but is {shown(value)}')]
        found: List[Problem] = []
        for name, given in value.items():
            checker = self.options.get(name) if isinstance(name, str) else None
            if checker is None and self.others:
                continue
            if checker is None:
                what = f'has no option {shown(name)}{nearest(name, self.options)}'
                found.append(('', what))
            else:
                found += [(f'.{name}{w}', what) for w, what in checker.problems(given)]
        missing = [name for name in self.required if name not in value]
        return found + [('', f'must have {name}, but has none') for name in missing]

    def __str__(self) -> str:
        return f'a dict that may have {", ".join(self.options)}'


class LeftOut(Checker):
    """An option of a base class that the class itself sets."""

    def problems(self, value: Any) -> List[Problem]:
        return [('', 'must be left out, because the class itself sets it')]

    def __str__(self) -> str:
        return 'left out'


class Type(Checker):
    """What a config says is to be built: a registered name, or the class itself."""

    def allows(self, value: Any) -> bool:
        return callable(value) or (isinstance(value, str) and bool(value))

    def __str__(self) -> str:
        return 'the name of a class'
