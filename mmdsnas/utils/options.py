"""Options of constructors, checked by their annotations."""

import functools
import inspect
import re
from dataclasses import is_dataclass
from math import prod
from typing import Annotated, Any, Callable, Sequence, TypeVar, get_type_hints

import torch
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from mmdsnas.errors import ConfigError
from .words import shown, unknown_option

# Beyond it a number is infinite in the float32 of a network.
LARGEST = torch.finfo(torch.float32).max
# Of the values of an input: a network's memory grows with them.
_MOST_VALUES = 2**26


def _with_type(config: dict) -> dict:
    if 'type' not in config:
        raise ValueError('have a type')
    return config


def _one_input(shape: Sequence[int]) -> Sequence[int]:
    if not 3 <= len(shape) <= 5 or shape[0] != 1 or prod(shape) > _MOST_VALUES:
        raise ValueError(
            'be the shape of one input with its batch size, 3 to 5 whole numbers, at '
            f'most {_MOST_VALUES} values in all, e.g. (1, 3, 224, 224)'
        )
    return shape


_Item = TypeVar('_Item')

Text = Annotated[str, Field(min_length=1)]
Natural = Annotated[int, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
Channels = Annotated[int, Field(ge=1, le=8192)]
NonNegative = Annotated[float, Field(ge=0, le=LARGEST)]
Positive = Annotated[float, Field(gt=0, le=LARGEST)]
Probability = Annotated[float, Field(ge=0, le=1)]
# A part that is neither nothing nor all.
Fraction = Annotated[float, Field(gt=0, lt=1)]
Items = Annotated[Sequence[_Item], Field(min_length=1)]
# What something is built from.
PartConfig = Annotated[dict[str, Any], AfterValidator(_with_type)]
InputShape = Annotated[Sequence[Count], AfterValidator(_one_input)]

_CONFIG = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)
_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def checked_options(function: Callable) -> Callable:
    """Lets a constructor, or a function that a config names, check its arguments.

    Each must be what its annotation says, such as ``Annotated[int, Field(ge=1)]``;
    nothing is converted.

    Returns:
        Callable: Raises a ``ConfigError`` that names all options that are wrong. Its
        ``adapters()`` are pydantic's, by argument.
    """
    own_name = function.__qualname__.split('.')[0]
    signature = inspect.signature(function)
    parameters = signature.parameters
    names = [n for n, p in parameters.items() if p.kind not in _REST and n != 'self']
    takes_others = any(p.kind is p.VAR_KEYWORD for p in parameters.values())

    @functools.cache
    def adapters() -> dict[str, TypeAdapter]:
        hints = get_type_hints(function, include_extras=True)
        # No config holds an object of a dataclass.
        given = [n for n in names if n in hints and not is_dataclass(hints[n])]
        return {name: TypeAdapter(hints[name], config=_CONFIG) for name in given}

    @functools.wraps(function)
    def checked(*args, **kwargs):
        # A subclass is named where the constructor is that of its base.
        owner = type(args[0]).__name__ if 'self' in parameters else own_name
        # Where a class is an option itself, a config says its name.
        option = getattr(args[0], 'OPTION', None) if 'self' in parameters else None
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            unknown = [n for n in kwargs if n not in names]
            if takes_others or not unknown:
                raise ConfigError(f'{owner}: {error}.') from error
            raise ConfigError(f'{unknown_option(owner, unknown[0], names)}.') from error
        found: list[str] = []
        for name, value in bound.arguments.items():
            if name in adapters():
                where = f'{option}.{name}' if option else f'{name} of {owner}'
                found += problems(where, value, adapters()[name])
        if found:
            raise ConfigError(f'{"; ".join(found)}.')
        return function(*args, **kwargs)

    checked.adapters = adapters
    return checked


# By pydantic's type of error; another one is told in pydantic's words.
_MUST = dict(
    int_type='be a whole number',
    float_type='be a finite number',
    dict_type='be a dict',
    tuple_type='be a list or tuple',
    list_type='be a list or tuple',
    sequence_str='be a list or tuple',
    missing='have more items',
    too_short='have a length of at least {min_length}',
    too_long='have a length of at most {max_length}',
    greater_than='be above {gt:.12g}',
    greater_than_equal='be at least {ge:.12g}',
    less_than='be below {lt:.12g}',
    less_than_equal='be at most {le:.12g}',
)


def _must(error: ErrorDetails) -> str:
    context = error.get('ctx', {})
    if context.get('class') == 'Sequence':
        return _MUST['list_type']
    if error['type'] in _MUST:
        return _MUST[error['type']].format(**context)
    return re.sub('^(Value error,|.*? should) ', '', error['msg'])


def problems(where: str, value: Any, adapter: TypeAdapter) -> list[str]:
    """A sentence, without its dot, for each place in a value that is wrong.

    ``where`` is its name, e.g. ``'limit of CostTerm'``; ``adapter`` has what it may be.
    """
    try:
        adapter.validate_python(value)
        return []
    except ValidationError as error:
        errors = error.errors(include_url=False)
    places: dict[tuple, tuple[Any, list[str]]] = {}
    for error in errors:
        place, inner = [], value
        for step in error['loc']:
            try:
                inner = inner[step]
            # The name of one of the kinds that a union allows.
            except (LookupError, TypeError):
                continue
            place.append(str(step))
        musts = places.setdefault(tuple(place), (error['input'], []))[1]
        musts.append(_must(error))
    # Inside a value of the right kind rather than that another kind would do, too.
    depth = max(map(len, places))
    name, of, owner = where.partition(' of ')
    found = []
    for place, (given, musts) in places.items():
        if len(place) == depth:
            option = '.'.join((name, *place)) + of + owner
            wanted = ' or '.join(dict.fromkeys(musts))
            found.append(f'{option} must {wanted}, but is {shown(given)}')
    return found
