"""Options of constructors, checked by their annotations."""

import functools
import inspect
import re
from typing import Any, Callable, Dict, List, Tuple, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from mmdsnas.errors import ConfigError
from .words import shown, unknown_option

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
        return {n: TypeAdapter(hints[n], config=_CONFIG) for n in names if n in hints}

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
