"""Limits on costs: what may be given, and what is said of them."""

import math
import re
from typing import Annotated, Any, Callable, Mapping, Sequence

from pydantic import AfterValidator

from mmdsnas.errors import ConfigError
from mmdsnas.utils.options import LARGEST
from mmdsnas.utils.words import shown
from .costs import COSTS, Amounts


def _checked_limit(value: Any) -> Any:
    parts = (
        re.fullmatch(r'(\d+(?:\.\d+)?) ?%', value) if isinstance(value, str) else None
    )
    number = float(parts[1]) if parts else value
    fits = isinstance(number, (int, float)) and not isinstance(number, bool)
    if not fits or not 0 < number <= LARGEST:
        raise ValueError(
            'be a number above 0, or a percentage above 0 of what the most expensive '
            "path costs, such as '50%' or '12.5 %'"
        )
    return value


# In the unit of its cost, or in percent of the most expensive path's cost: '50%'.
Limit = Annotated[Any, AfterValidator(_checked_limit)]


def given_limits(limit: Any) -> dict[str, Any]:
    """What is given as a limit, by cost; a number, or a part, is one on FLOPs."""
    if limit is None:
        return {}
    return dict(limit) if isinstance(limit, Mapping) else dict(flops=limit)


def limits_of(limit: Any, most: Callable[[str], float]) -> dict[str, float]:
    """The limits by cost, in the order of ``COSTS``; a number is one on FLOPs.

    Args:
        limit (float | str | dict, optional): A number in the unit of its cost, or a
            part of what the most expensive path costs, ``'50%'``.
        most (Callable): Gives the latter by the name of a cost.

    Raises:
        ConfigError: A limit is on something else than one of ``COSTS``.
    """
    given = given_limits(limit)
    if not set(given) <= set(COSTS):
        raise ConfigError(
            f'cost.limit must be among {", ".join(COSTS)}, but is {shown(limit)}.'
        )

    def amount(name: str) -> float:
        own = given[name]
        if isinstance(own, str):
            return float(own.removesuffix('%')) / 100 * most(name)
        return float(own)

    return {name: amount(name) for name in COSTS if name in given}


def split_limits(cost: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Options of ``CostTerm`` without a limit, and the limit of each child.

    Args:
        cost (Mapping): Options with ``limit``, or with ``limits`` of several children.

    Raises:
        ConfigError: It has both, or the latter are none.
    """
    options = dict(cost)
    limit, limits = options.pop('limit', None), options.pop('limits', None)
    if limits is None:
        return options, [limit]
    if not isinstance(limits, (list, tuple)) or not limits or None in limits:
        raise ConfigError(
            "model.cost.limits must be a list of limits, such as ['25%', '50%'], each "
            f'as model.cost.limit may be, but is {shown(limits)}.'
        )
    if limit is not None:
        raise ConfigError(
            'model.cost.limit must be None where model.cost.limits has the limit of '
            f'each child, but is {shown(limit)}.'
        )
    return options, list(limits)


def loosest_first(limits: Sequence[Amounts]) -> list[int]:
    """Places of limits by what they allow, most first.

    Raises:
        ConfigError: One allows more of one cost, and less of another, than another one,
            or as much of all of them.
    """
    order = sorted(range(len(limits)), key=lambda k: [-n for n in limits[k].values()])
    for k, tighter in zip(order, order[1:]):
        one, other = limits[k], limits[tighter]
        fits = one.keys() == other.keys() and one != other
        if not fits or any(one[name] < other[name] for name in one):
            raise ConfigError(
                'model.cost.limits must be limits on the same costs, of which each '
                'allows less than the one before, but has '
                f'{in_words(one) or "none"} and {in_words(other) or "none"}.'
            )
    return order


def in_words(
    amounts: Mapping[str, float],
    fixed_part: bool = True,
    most: Mapping[str, float] | None = None,
) -> str:
    """``7 MFLOPs and 0.5 million parameters``.

    Of a cost in ``most``, that of the most expensive path, the part is told, too:
    ``7 MFLOPs (62.5%)``.
    """
    words = ' and '.join(
        f'{n:.6g} {COSTS[name].unit}{_part(n, (most or {}).get(name))}'
        for name, n in amounts.items()
    )
    return words if fixed_part else f'{words} (blocks only, count_fixed_part=False)'


def _part(amount: float, most: float | None) -> str:
    if not most:
        return ''
    # Rounded up, so that it is enough as a limit.
    return f' ({math.ceil(round(1000 * amount / most, 6)) / 10:.12g}%)'
