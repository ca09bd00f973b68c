"""Limits on the cost of a child: whether paths can be within them, and are."""

import math
from logging import WARNING
from typing import Dict, List, Mapping, Optional, Tuple, Union

import numpy as np
from mmengine.logging import print_log

from mmdsnas.errors import ConfigError
from ..mutators.most_probable import most_probable_path
from .cost_table import MEASURES, Cost, CostTable, total

UNITS = dict(flops='MFLOPs', params='million parameters', latency='ms')
# Names of mean costs in logs.
EXPECTED = dict(
    flops='expected_mflops', params='expected_mparams', latency='expected_ms'
)
# Counts are whole numbers, which were divided by a million and added up.
ROUNDING = dict(rel_tol=1e-9, abs_tol=1e-9)


def limits_of(limit: Union[None, float, Mapping[str, float]]) -> Dict[str, float]:
    """The limits by measure, in the order of ``Cost``; a number is one on FLOPs."""
    if limit is None:
        return {}
    given = dict(limit) if isinstance(limit, Mapping) else dict(flops=limit)
    return {name: float(given[name]) for name in UNITS if name in given}


def constraints(
    table: CostTable, limits: Mapping[str, float], fixed_part: bool
) -> Tuple[np.ndarray, np.ndarray]:
    """The limits as numbers on the searched groups alone.

    Args:
        table (CostTable): Costs of the search space.
        limits (Mapping[str, float]): By measure.
        fixed_part (bool): Whether the fixed part counts.

    Returns:
        tuple: Costs of the candidates, shape ``(num_limits, num_groups,
        max_choices)``, and what their sum may be, shape ``(num_limits, )``: exactly
        those paths are within whose ``table.cost(path, fixed_part)`` is.
    """
    costs = np.stack([table.matrix(measure).numpy() for measure in limits])
    bases = [getattr(table.fixed_part, m) if fixed_part else 0.0 for m in limits]
    rest = [_rest(limit, base) for limit, base in zip(limits.values(), bases)]
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
        limits (Mapping[str, float]): By measure.
        fixed_part (bool): Whether the fixed part counts.

    Raises:
        ConfigError: A measure is not in the table, or no path is within the limits;
            it names the cheapest possible cost.
    """
    note = _note(fixed_part)
    for measure, limit in limits.items():
        _check_measured(table, measure)
        cheapest, costliest = table.cost_range(measure, fixed_part)
        what = f'cost.limit is {_words({measure: limit})}, but the'
        unit = UNITS[measure] + note
        if limit < cheapest:
            raise ConfigError(
                f'{what} cheapest path of this search space costs '
                f'{cheapest:.6g} {unit}.'
            )
        if limit > costliest:
            print_log(
                f'{what} most expensive path of this search space costs '
                f'{costliest:.6g} {unit}: the limit has no effect.',
                'current',
                level=WARNING,
            )
    names = list(limits)
    for count in range(2, len(names) + 1):
        cheapest = _cheapest(table, limits, names[:count], fixed_part)
        if cheapest is not None:
            kept = {name: limits[name] for name in names[: count - 1]}
            raise ConfigError(
                f'cost.limit is {_words(limits)}, but the cheapest path of this '
                f'search space within {_words(kept)} costs {cheapest:.6g} '
                f'{UNITS[names[count - 1]]}{note}.'
            )


def check_network(
    costs: Mapping[str, Cost], limits: Mapping[str, float], fixed_part: bool
) -> None:
    """Refuses a network that was counted as a whole and is not within the limits.

    The limit on latency is one on the table's sum alone: measurements vary, and a
    child that was found must not be lost to the next one.

    Args:
        costs (Mapping[str, Cost]): Its cost by block; ``''`` is the whole network.
        limits (Mapping[str, float]): By measure.
        fixed_part (bool): Whether the fixed part counts.

    Raises:
        ConfigError: It costs more, by more than rounding.
    """
    blocks = total(cost for name, cost in costs.items() if name)
    cost = costs[''] if fixed_part else blocks
    for measure, limit in limits.items():
        found = getattr(cost, measure)
        if found > limit and not math.isclose(found, limit, **ROUNDING):
            raise ConfigError(
                f'cost.limit is {_words({measure: limit})}, but the child costs '
                f'{found:.6g} {UNITS[measure]}{_note(fixed_part)} as it would be '
                'written, so that it is not.'
            )


def _check_measured(table: CostTable, measure: str) -> None:
    measured = measure in MEASURES and not math.isnan(
        sum(table.cost_range(measure)) + float(table.matrix(measure).sum())
    )
    if not measured:
        raise ConfigError(
            f'cost.limit has {measure}, so resource_estimator.{measure} must say how '
            'it is to be measured, e.g. '
            'model.resource_estimator.latency.threads=1, but nothing measured it.'
        )


def _cheapest(
    table: CostTable, limits: Mapping[str, float], names: List[str], fixed_part: bool
) -> Optional[float]:
    """Least cost by the last measure within the others' limits, if it is too much."""
    last = names[-1]
    both = constraints(table, {name: limits[name] for name in names}, fixed_part)
    there = np.arange(both[0].shape[-1]) < np.array(table.sizes)[:, None]
    scores = np.where(there, -both[0][-1], -np.inf)
    if most_probable_path(scores, *both) is not None:
        return None
    path = most_probable_path(scores, both[0][:-1], both[1][:-1])
    assert path is not None, 'the limits before the last one leave a path'
    child = {
        group: list(costs)[k] for k, (group, costs) in zip(path, table.by_group.items())
    }
    return getattr(table.cost(child, fixed_part), last)


def _words(limits: Mapping[str, float]) -> str:
    """``7 MFLOPs and 0.5 million parameters``."""
    return ' and '.join(f'{limit:g} {UNITS[m]}' for m, limit in limits.items())


def _note(fixed_part: bool) -> str:
    return '' if fixed_part else ' (blocks only, count_fixed_part=False)'
