"""Limits on the cost of a child, as options and in words."""

from typing import Dict, Mapping, Union

from mmdsnas.errors import ConfigError
from mmdsnas.utils.words import shown
from .costs import COSTS


def limits_of(limit: Union[None, float, Mapping[str, float]]) -> Dict[str, float]:
    """The limits by cost, in the order of ``COSTS``; a number is one on FLOPs.

    Raises:
        ConfigError: A limit is on something else than one of ``COSTS``.
    """
    if limit is None:
        return {}
    given = dict(limit) if isinstance(limit, Mapping) else dict(flops=limit)
    if not set(given) <= set(COSTS):
        raise ConfigError(
            f'cost.limit must be among {", ".join(COSTS)}, but is {shown(limit)}.'
        )
    return {name: float(given[name]) for name in COSTS if name in given}


def in_words(amounts: Mapping[str, float], fixed_part: bool = True) -> str:
    """``7 MFLOPs and 0.5 million parameters``."""
    words = ' and '.join(f'{n:.6g} {COSTS[name].unit}' for name, n in amounts.items())
    return words if fixed_part else f'{words} (blocks only, count_fixed_part=False)'
