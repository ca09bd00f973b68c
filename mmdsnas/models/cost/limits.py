"""Limits on the cost of a child, as options and in words."""

import math
from typing import Any, Dict, Mapping, Optional, Union

from mmdsnas.options.checkers import shown
from .costs import COSTS


def limits_of(limit: Union[None, float, Mapping[str, float]]) -> Dict[str, float]:
    """The limits by cost, in the order of ``COSTS``; a number is one on FLOPs."""
    if limit is None:
        return {}
    given = dict(limit) if isinstance(limit, Mapping) else dict(flops=limit)
    return {name: float(given[name]) for name in COSTS if name in given}


def cost_problem(cost: Mapping[str, Any]) -> Optional[str]:
    """Says it if options of a search's ``cost``, each allowed, do not fit together."""
    form, limit = cost.get('form', 'adaptive'), cost.get('limit')
    names = set(limit) if isinstance(limit, Mapping) else set()
    if not names <= set(COSTS):
        return f'cost.limit must be among {", ".join(COSTS)}, but is {shown(limit)}'
    if form == 'adaptive' and cost.get('weight') is not None:
        return (
            "cost.weight must be left out with cost.form='adaptive', which finds its "
            f'weight by itself, but is {shown(cost["weight"])}; the forms expected and '
            'sampled have one'
        )
    if form != 'adaptive' and not names <= {'flops'}:
        return (
            "cost.limit must be one on flops with cost.form other than 'adaptive', "
            f'but is {shown(limit)} with cost.form={form!r}'
        )
    return None


def rest_of(limit: float, base: float) -> float:
    """The largest number that with ``base`` added, as rounded, is within the limit."""
    margin = 2 * math.ulp(max(abs(limit), abs(base)))
    within, beyond = limit - base - margin, limit - base + margin
    while True:
        middle = (within + beyond) / 2
        if middle in (within, beyond):
            return within
        if middle + base <= limit:
            within = middle
        else:
            beyond = middle


def in_words(amounts: Mapping[str, float], fixed_part: bool = True) -> str:
    """``7 MFLOPs and 0.5 million parameters``."""
    words = ' and '.join(f'{n:.6g} {COSTS[name].unit}' for name, n in amounts.items())
    return words if fixed_part else f'{words} (blocks only, count_fixed_part=False)'
