"""Limits on sums of measurements, which networks that are measured whole must keep."""

import math
from typing import Mapping

from mmengine.logging import print_log

from .cost_term import CostTerm
from .costs import COSTS, Amounts
from .limits import in_words


def tighter_sums(
    term: CostTerm, path: Mapping[str, str], measured: Amounts
) -> dict[str, float]:
    """Limits on sums that leave out a path, as far as its network exceeds limits.

    A limit is lowered by the ratio of measurement and sum, so that it leaves out the
    path, and others that are beyond it by as much.

    Args:
        term (CostTerm): The limits, which stay as they are.
        path (Mapping[str, str]): Candidate by group.
        measured (dict[str, float]): Costs of its network as a whole.

    Returns:
        dict[str, float]: By cost; empty where the network is within all limits.
    """
    own = term.count_fixed_part
    sums, tighter = term.table.cost(path, own), {}
    for name, whole in measured.items():
        if COSTS[name].peak and not own:
            # Of blocks alone; a peak of the whole network may be elsewhere.
            continue
        limit = term.limits[name]
        amount = whole
        if not (own or COSTS[name].peak):
            amount -= term.table.fixed_part[name]
        told = (
            f'The network takes {in_words({name: amount}, own)} as a whole, '
            f'{sums[name]:.6g} by the sum of its candidates; the limit is {limit:.6g}'
        )
        if amount <= limit:
            print_log(f'{told}.', 'current')
            continue
        # Rounding must not leave the path within.
        below = math.nextafter(sums[name], -math.inf)
        tighter[name] = min(limit * sums[name] / amount, below)
        print_log(f'{told}: a sum must be at most {tighter[name]:.6g}.', 'current')
    return tighter
