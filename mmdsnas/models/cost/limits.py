"""Limits on the cost of a child: whether paths can be within them, and are."""

import math
from logging import WARNING
from typing import Any, Dict, Mapping, Optional, Tuple, Union

import numpy as np
from mmengine.logging import print_log

from mmdsnas.errors import ConfigError
from mmdsnas.options.checkers import shown
from ..mutators.most_probable import most_probable_path
from .cost_table import CostTable, total_costs
from .costs import COSTS, Amounts

# Counts are whole numbers, which were divided by a million and added up.
ROUNDING = dict(rel_tol=1e-9, abs_tol=1e-9)


def limits_of(limit: Union[None, float, Mapping[str, float]]) -> Dict[str, float]:
    """The limits by cost, in the order of ``COSTS``; a number is one on FLOPs."""
    if limit is None:
        return {}
    given = dict(limit) if isinstance(limit, Mapping) else dict(flops=limit)
    return {name: float(given[name]) for name in COSTS if name in given}


def cost_problem(cost: Mapping[str, Any]) -> Optional[str]:
    """Says it if options of a search's ``cost``, each allowed, do not fit together.

    Args:
        cost (Mapping): Allowed options.
    """
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


def constraints(
    table: CostTable, limits: Mapping[str, float], fixed_part: bool
) -> Tuple[np.ndarray, np.ndarray]:
    """The limits as numbers on the searched groups alone.

    Args:
        table (CostTable): Costs of the search space.
        limits (Mapping[str, float]): By cost.
        fixed_part (bool): Whether the fixed part counts.

    Returns:
        tuple: Costs of the candidates, shape ``(num_limits, num_groups,
        max_choices)``, and what their sum may be, shape ``(num_limits, )``: exactly
        those paths are within whose ``table.cost(path, fixed_part)`` is.
    """
    costs = np.stack([table.matrix(name).numpy() for name in limits])
    rest = [
        _rest(limit, table.fixed_part[name] if fixed_part else 0.0)
        for name, limit in limits.items()
    ]
    return costs, np.array(rest)


def _rest(limit: float, base: float) -> float:
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


def check_limits(
    table: CostTable, limits: Mapping[str, float], fixed_part: bool
) -> None:
    """Refuses limits that no path is within; warns of those that all paths are within.

    Args:
        table (CostTable): Costs of the search space.
        limits (Mapping[str, float]): By cost.
        fixed_part (bool): Whether the fixed part counts.

    Raises:
        ConfigError: A cost is not in the table, or no path is within the limits.
    """
    for name, limit in limits.items():
        if name not in table.fixed_part:
            raise ConfigError(
                f'cost.limit has {name}, so resource_estimator.{name} must say how it '
                f'is to be measured, e.g. {name}=dict(), but nothing measured it.'
            )
        cheapest, costliest = table.cost_range(name, fixed_part)
        what = f'cost.limit is {_words({name: limit})}, but the'
        if limit < cheapest:
            raise ConfigError(
                f'{what} cheapest path of this search space costs '
                f'{_words({name: cheapest}, fixed_part)}.'
            )
        if limit > costliest:
            print_log(
                f'{what} most expensive path of this search space costs '
                f'{_words({name: costliest}, fixed_part)}: the limit has no effect.',
                'current',
                level=WARNING,
            )
    if len(limits) < 2:
        return
    matrices, most = constraints(table, limits, fixed_part)
    there = np.arange(matrices.shape[-1]) < np.array(table.sizes)[:, None]
    if most_probable_path(np.where(there, 0.0, -np.inf), matrices, most) is None:
        raise ConfigError(
            f'cost.limit is {_words(limits, fixed_part)}, but no path of this search '
            'space is within all of them.'
        )


def check_network(
    costs: Mapping[str, Amounts], limits: Mapping[str, float], fixed_part: bool
) -> None:
    """Refuses a network that was counted as a whole and is not within the limits.

    What is measured has a limit on the table's sum alone: measurements vary, and a
    child that was found must not be lost to the next one.

    Args:
        costs (Mapping[str, dict]): Its counted costs by block; ``''`` is the whole
            network.
        limits (Mapping[str, float]): By cost.
        fixed_part (bool): Whether the fixed part counts.

    Raises:
        ConfigError: It costs more, by more than rounding.
    """
    blocks = total_costs(cost for name, cost in costs.items() if name)
    found = costs[''] if fixed_part else blocks
    for name, limit in limits.items():
        amount = found.get(name, -math.inf)
        if amount > limit and not math.isclose(amount, limit, **ROUNDING):
            raise ConfigError(
                f'cost.limit is {_words({name: limit})}, but the child costs '
                f'{_words({name: amount}, fixed_part)} as it would be written, so that '
                'it is not.'
            )


def _words(amounts: Mapping[str, float], fixed_part: bool = True) -> str:
    """``7 MFLOPs and 0.5 million parameters``."""
    words = ' and '.join(f'{n:.6g} {COSTS[name].unit}' for name, n in amounts.items())
    return words if fixed_part else f'{words} (blocks only, count_fixed_part=False)'
