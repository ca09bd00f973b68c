"""The most probable path within limits on its cost, as an integer program."""

from typing import Any, Mapping, Sequence

import numpy as np
from scipy.optimize import LinearConstraint, milp
from torch import Tensor

from mmdsnas.errors import ConfigError

# By how much of a limit early fixing may bring a mean cost above it: at a limit the
# mean swings around it.
SLACK = 0.01
# The largest coefficient of a row, far above the solver's tolerance, which is 1e-6.
SCALE = 1e4
# How many paths that are above a limit by less than that tolerance are excluded one by
# one, and by which part of it the limits are lowered afterwards.
EXCLUDED, MARGIN = 50, 1e-9


def most_probable_path(
    log_probs: np.ndarray,
    costs: np.ndarray,
    limits: np.ndarray,
    rest: Any = 0.0,
    besides: Sequence[Sequence[int]] = (),
) -> list[int] | None:
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
        besides (Sequence[Sequence[int]]): Paths that are left out.

    Returns:
        list[int], optional: Index of the candidate of each group; None if no path is
        within the limits. Without a limit in the way it is the first largest of every
        group; of several equally probable paths within a limit it is always the same.
    """
    log_probs, costs, limits, rest = (
        np.asarray(v, dtype=np.float64) for v in (log_probs, costs, limits, rest)
    )
    best = log_probs.argmax(1)
    within = (path_costs(costs, best) + rest <= limits).all()
    if within and best.tolist() not in besides:
        return best.tolist()
    groups, slots = np.nonzero(np.isfinite(log_probs))
    gains = log_probs[groups, slots] - log_probs.max(1)[groups]
    rows, limits_scaled = _scaled(costs[:, groups, slots], limits - rest)
    one_each = (groups == np.arange(len(log_probs))[:, None]).astype(float)

    def other_than(path: Sequence[int]) -> LinearConstraint:
        taken = slots == np.asarray(path)[groups]
        return LinearConstraint(taken.astype(float), ub=len(log_probs) - 1)

    excluded = [other_than(path) for path in besides]
    while True:
        above = len(excluded) - len(besides)
        margin = MARGIN * np.abs(limits_scaled) if above > EXCLUDED else 0.0
        solved = milp(
            -_scaled(gains[None], np.zeros(1))[0][0],
            integrality=np.ones(len(groups)),
            bounds=(0, 1),
            constraints=[
                LinearConstraint(one_each, 1, 1),
                *(
                    [LinearConstraint(rows, ub=limits_scaled - margin)]
                    if len(rows)
                    else []
                ),
                *excluded,
            ],
            options=dict(mip_rel_gap=0),
        )
        if solved.x is None:
            assert solved.status == 2, solved.message  # infeasible
            return None
        path = slots[solved.x > 0.5]
        if (path_costs(costs, path) + rest <= limits).all():
            return path.tolist()
        excluded.append(other_than(path))


def path_costs(costs: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Costs ``(M, )`` of a path ``(G, )``, added up from first to last group."""
    return costs[:, range(costs.shape[1]), path].cumsum(-1)[:, -1]


def _scaled(rows: np.ndarray, limits: np.ndarray):
    """Rows and their limits, so that the largest coefficient of a row is ``SCALE``."""
    sizes = np.abs(rows).max(1) / SCALE
    sizes[sizes == 0] = 1.0
    return rows / sizes[:, None], limits / sizes


def _allowed(logits: Tensor, fixed: Tensor) -> np.ndarray:
    """Log-probabilities, minus infinity beside a fixed candidate."""
    log_probs = logits.detach().cpu().double().log_softmax(-1).numpy()
    settled = fixed.cpu().numpy()[:, None]
    others = np.arange(log_probs.shape[1]) != settled
    return np.where((settled >= 0) & others, -np.inf, log_probs)


class ConstrainedArgmax:
    """The most probable path within limits, given what is fixed.

    The last answer is kept: evaluation asks for it at every batch.

    Args:
        costs (np.ndarray): See :func:`most_probable_path`, as for the next two.
        limits (np.ndarray): What a path may cost.
        rest (np.ndarray | float): What counts besides.
        mean (bool): Whether early fixing keeps the mean cost within the limits too.
    """

    def __init__(
        self,
        costs: np.ndarray,
        limits: np.ndarray,
        rest: Any = 0.0,
        mean: bool = False,
    ) -> None:
        self.costs, self.limits, self.rest, self.mean = costs, limits, rest, mean
        self._last: tuple[bytes, list[int]] | None = None

    def __call__(self, logits: Tensor, fixed: Tensor) -> list[int]:
        """Index of the candidate of each group.

        Args:
            logits (Tensor): Shape ``(G, K)``, filled up with minus infinity.
            fixed (Tensor): Index of the fixed candidates, -1 where none is.

        Raises:
            ConfigError: What is fixed leaves no path within the limits.
        """
        settled = fixed.cpu().numpy()
        if (settled >= 0).all():
            # A latency that was measured again must not refuse a finished search.
            return settled.tolist()
        # The values themselves, so that no way of changing them is overlooked.
        allowed = _allowed(logits, fixed)
        key = allowed.tobytes() + settled.tobytes()
        if self._last is None or self._last[0] != key:
            path = most_probable_path(allowed, self.costs, self.limits, self.rest)
            if path is None:
                raise ConfigError(
                    'model.cost.limit must leave a path, but with the '
                    f'{(settled >= 0).sum()} of {len(settled)} choices that are fixed '
                    'already every path costs more.'
                )
            self._last = key, path
        return list(self._last[1])

    def ranked(self, logits: Tensor, fixed: Tensor, number: int) -> list[list[int]]:
        """The most probable paths, as many as there are of ``number``."""
        paths = [self(logits, fixed)]
        allowed = _allowed(logits, fixed)
        while len(paths) < number:
            path = most_probable_path(
                allowed, self.costs, self.limits, self.rest, besides=paths
            )
            if path is None:
                break
            paths.append(path)
        return paths

    def fixable(self, probs: np.ndarray, chosen: Mapping[int, int]) -> list[int]:
        """Groups that can be fixed without a mean cost above a limit.

        The surest are fixed first. None is while a mean is above its limit: what is
        left to be searched might have no way back.

        ``probs`` are of all groups; ``chosen`` has the index of a candidate by group.
        """
        costs = np.where(probs > 0, self.costs, 0.0)
        means = (probs * costs).sum(-1)
        most, kept = (self.limits - self.rest) * (1 + SLACK), []
        if (means.sum(1) > most).any():
            return []
        for group in sorted(chosen, key=lambda g: -probs[g, chosen[g]]):
            fixed = means.copy()
            fixed[:, group] = costs[:, group, chosen[group]]
            if (fixed.sum(1) <= most).all():
                means = fixed
                kept.append(group)
        return sorted(kept)
