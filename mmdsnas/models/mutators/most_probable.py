"""The most probable path within limits on its cost, as an integer program."""

from typing import Any, List, Optional

import numpy as np
from scipy.optimize import LinearConstraint, milp

# The largest coefficient of a row, far above the solver's tolerance, which is 1e-6.
SCALE = 1e4
# How many paths that are above a limit by less than that tolerance are excluded one by
# one, and by which part of it the limits are lowered afterwards.
EXCLUDED, MARGIN = 50, 1e-9


def most_probable_path(
    log_probs: np.ndarray, costs: np.ndarray, limits: np.ndarray, rest: Any = 0.0
) -> Optional[List[int]]:
    """The path of the largest probability whose costs are within all limits.

    An integer program with a binary variable for each candidate: one candidate of each
    group, and one row for each limit. The solver compares with a tolerance; therefore
    the costs of its path are added up once more, in float64 from the first group to
    the rest, and compared by ``<=``. A path above a limit is excluded, and the program
    is solved again.

    Args:
        log_probs (np.ndarray): Shape ``(G, K)``, filled up with minus infinity.
        costs (np.ndarray): Shape ``(M, G, K)``, one matrix for each measure, in any
            units; what stands at the padding does not matter.
        limits (np.ndarray): Shape ``(M, )``.
        rest (np.ndarray | float): What counts besides, shape ``(M, )``.

    Returns:
        list[int], optional: Index of the candidate of each group; None if no path is
        within the limits. Without a limit in the way it is the first largest of every
        group; of several equally probable paths within a limit it is always the same.
    """
    log_probs, costs, limits, rest = (
        np.asarray(v, dtype=np.float64) for v in (log_probs, costs, limits, rest)
    )
    best = log_probs.argmax(1)
    if (path_costs(costs, best) + rest <= limits).all():
        return best.tolist()
    groups, slots = np.nonzero(np.isfinite(log_probs))
    gains = log_probs[groups, slots] - log_probs.max(1)[groups]
    rows, limits_scaled = _scaled(costs[:, groups, slots], limits - rest)
    one_each = (groups == np.arange(len(log_probs))[:, None]).astype(float)
    excluded: List[LinearConstraint] = []
    while True:
        margin = MARGIN * np.abs(limits_scaled) if len(excluded) > EXCLUDED else 0.0
        solved = milp(
            -_scaled(gains[None], np.zeros(1))[0][0],
            integrality=np.ones(len(groups)),
            bounds=(0, 1),
            constraints=[
                LinearConstraint(one_each, 1, 1),
                LinearConstraint(rows, ub=limits_scaled - margin),
                *excluded,
            ],
            options=dict(mip_rel_gap=0),
        )
        if solved.x is None:
            assert solved.status == 2, solved.message  # infeasible
            return None
        taken = solved.x > 0.5
        path = slots[taken]
        if (path_costs(costs, path) + rest <= limits).all():
            return path.tolist()
        excluded.append(LinearConstraint(taken.astype(float), ub=len(path) - 1))


def path_costs(costs: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Costs of a path, added up from the first group to the last.

    Args:
        costs (np.ndarray): Shape ``(M, G, K)``.
        path (np.ndarray): Index of the candidates, shape ``(G, )``.

    Returns:
        np.ndarray: Shape ``(M, )``.
    """
    return costs[:, range(costs.shape[1]), path].cumsum(-1)[:, -1]


def _scaled(rows: np.ndarray, limits: np.ndarray):
    """Rows and their limits, so that the largest coefficient of a row is ``SCALE``."""
    sizes = np.abs(rows).max(1) / SCALE
    sizes[sizes == 0] = 1.0
    return rows / sizes[:, None], limits / sizes
