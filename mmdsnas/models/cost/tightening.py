"""Limits on sums of measurements, which networks that are measured whole must keep."""

import math
from typing import Mapping

from mmengine.logging import print_log

from .cost_term import CostTerm
from .costs import COSTS, Amounts
from .limits import in_words


def limits_of_networks(term: CostTerm) -> list[str]:
    """Costs whose limits a network has to keep as a whole, if a meter can measure that.

    A peak of blocks alone says nothing of the network's, which may be elsewhere.
    """
    own = term.count_fixed_part
    return [name for name in term.limits if own or not COSTS[name].peak]


def tighter_sums(
    term: CostTerm, path: Mapping[str, str], measured: Amounts
) -> list[Amounts]:
    """Limits on sums that leave out a path, if its network exceeds limits.

    Args:
        term (CostTerm): The limits, which stay as they are.
        path (Mapping[str, str]): Candidate by group.
        measured (dict[str, float]): Costs of its network as a whole, of those in
            :func:`limits_of_networks`.

    Returns:
        list[dict[str, float]]: By cost. First limits that are lowered by the ratio of
        measurement and sum, which leave out others that are beyond it by as much; then
        those that leave out no cheaper path. Empty if the network is within all limits.
    """
    own, table = term.count_fixed_part, term.table
    by_ratio, below = {}, {}
    for name, whole in measured.items():
        peak, limit = COSTS[name].peak, term.limits[name]
        # A peak outside of all blocks is the same whatever is chosen.
        predicted = table.cost(path, own and not peak)[name]
        amount = whole if own else whole - table.fixed_part[name]
        print_log(
            f'The network takes {in_words({name: amount}, own)} as a whole, '
            f'{predicted:.6g} by its candidates; the limit is {limit:.6g}.',
            'current',
        )
        if amount > limit:
            # Rounding must not leave the path within.
            below[name] = math.nextafter(predicted, -math.inf)
            by_ratio[name] = min(limit * predicted / amount, below[name])
    return [by_ratio, below] if below else []
