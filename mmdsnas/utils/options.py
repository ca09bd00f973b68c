"""Options of constructors, checked by their annotations."""

import functools
import inspect
import re
from dataclasses import is_dataclass
from math import prod
from typing import (
    Annotated,
    Any,
    Callable,
    Dict,
    List,
    Sequence,
    Tuple,
    TypeVar,
    get_type_hints,
)

import torch
from pydantic import AfterValidator, ConfigDict, Field, TypeAdapter, ValidationError

from mmdsnas.errors import ConfigError
from .words import shown, unknown_option

# Beyond it a number is infinite in the float32 of a network.
LARGEST = torch.finfo(torch.float32).max
# Of the values of an input: a network's memory grows with them.
_MOST_VALUES = 2**26


def _with_type(config: Dict) -> Dict:
    if 'type' not in config:
        raise ValueError('have a type')
    return config


def _one_input(shape: Sequence[int]) -> Sequence[int]:
    if shape[0] != 1 or prod(shape) > _MOST_VALUES:
        raise ValueError(
            f'be the shape of one input with batch size 1 and at most {_MOST_VALUES} '
            'values, e.g. (1, 3, 224, 224)'
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
PartConfig = Annotated[Dict[str, Any], AfterValidator(_with_type)]
InputShape = Annotated[
    Sequence[Count], Field(min_length=3, max_length=5), AfterValidator(_one_input)
]

_CONFIG = ConfigDict(strict=True, arbitrary_types_allowed=True, allow_inf_nan=False)


def checked_options(function: Callable) -> Callable:
    """Lets a constructor, or a function that a config names, check its arguments.

    Each must be what its annotation says, such as ``Annotated[int, Field(ge=1)]``;
    nothing is converted.

    Args:
        function (Callable): What is called with options of a config.

    Returns:
        Callable: Raises a ``ConfigError`` that names all options that are wrong.
    """
    owner = function.__qualname__.split('.')[0]
    signature = inspect.signature(function)
    names = [n for n in signature.parameters if n != 'self']

    @functools.cache
    def adapters() -> Dict[str, TypeAdapter]:
        hints = get_type_hints(function, include_extras=True)
        # No config holds an object of a dataclass.
        given = [n for n in names if n in hints and not is_dataclass(hints[n])]
        return {n: TypeAdapter(hints[n], config=_CONFIG) for n in given}

    @functools.wraps(function)
    def checked(*args, **kwargs):
        try:
            bound = signature.bind(*args, **kwargs)
        except TypeError as error:
            unknown = [n for n in kwargs if n not in names]
            if not unknown:
                raise ConfigError(f'{owner}: {error}.') from error
            raise ConfigError(f'{unknown_option(owner, unknown[0], names)}.') from error
        found: List[str] = []
        for name, value in bound.arguments.items():
            if name in adapters() and signature.parameters[name].kind not in _REST:
                found += problems(f'{name} of {owner}', value, adapters()[name])
        if found:
            raise ConfigError(f'{"; ".join(found)}.')
        return function(*args, **kwargs)

    return checked


_REST = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)


def problems(where: str, value: Any, adapter: TypeAdapter) -> List[str]:
    """What is wrong with a value.

    Args:
        where (str): Its name.
        value (Any): The value.
        adapter (TypeAdapter): What it may be.

    Returns:
        list[str]: A sentence, without its dot, for each place in it that is wrong.
    """
    try:
        adapter.validate_python(value)
    except ValidationError as error:
        errors = error.errors(include_url=False, include_context=False)
    else:
        return []
    places: Dict[Tuple, Tuple[Any, List[str]]] = {}
    for error in errors:
        place, inner = [], value
        for step in error['loc']:
            try:
                inner = inner[step]
            # The name of one of the kinds that a union allows.
            except (LookupError, TypeError):
                continue
            place.append(str(step))
        what = re.sub(r'^[\w ]+? should ', '', error['msg'])
        places.setdefault(tuple(place), (inner, []))[1].append(what)
    # Inside a value of the right kind rather than that another kind would do, too.
    depth = max(map(len, places))
    name, _, owner = where.partition(' of ')
    return [
        f'{".".join((name, *place))} of {owner} must '
        f'{" or ".join(dict.fromkeys(told))}, but is {shown(inner)}'
        for place, (inner, told) in places.items()
        if len(place) == depth
    ]
