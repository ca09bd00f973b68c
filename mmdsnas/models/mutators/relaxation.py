import numpy as np
from scipy.optimize import linprog


def prices(
    log_probs: np.ndarray, costs: np.ndarray, limits: np.ndarray, surely: bool = False
) -> np.ndarray:
    """Prices of the measures in the linear relaxation of the search for a path.

    Args:
        log_probs (np.ndarray): Shape ``(G, K)``, minus infinity where there is no
            candidate.
        costs (np.ndarray): Shape ``(M, G, K)``, finite where there is one.
        limits (np.ndarray): Shape ``(M, )``.
        surely (bool): Instead of the probability, what the limits are exceeded by
            is optimized, in units of the dearest candidate, for which there always
            is a solution.

    Returns:
        np.ndarray: Shape ``(M, )``, at least 0; 0 where there is no solution.
    """
    groups, slots = np.nonzero(np.isfinite(log_probs))
    sizes = np.abs(costs[:, groups, slots]).max(1)
    sizes[sizes == 0] = 1.0
    a_ub = costs[:, groups, slots] / sizes[:, None]
    a_eq = (groups == np.arange(len(log_probs))[:, None]).astype(float)
    c = -log_probs[groups, slots]
    bounds = [(0, None)] * len(c)
    if surely:
        a_ub = np.column_stack([a_ub, -np.ones(len(limits))])
        a_eq = np.column_stack([a_eq, np.zeros(len(a_eq))])
        c = np.append(np.zeros(len(groups)), 1.0)
        bounds = [*bounds, (None, None)]
    solved = linprog(
        c, a_ub, limits / sizes, a_eq, np.ones(len(a_eq)), bounds, method='highs'
    )
    if solved.status != 0:
        return np.zeros(len(limits))
    return np.maximum(-solved.ineqlin.marginals, 0.0) / sizes
