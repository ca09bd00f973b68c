"""The most probable path within limits on its cost, found exactly."""

from typing import List, NamedTuple, Optional

import numpy as np

from .relaxation import prices

# Bounds, unlike costs, are compared with this slack, relative to their size, so that
# the order in which a bound was added up cannot cost the best path.
SLACK = 1e-9
# How many partial paths the first, narrow pass keeps.
BEAM = 64
# And where that found none within the limits, the second one.
WIDE_BEAM = 1024
# Against how many labels at once others are compared.
CHUNK = 256


class _Space(NamedTuple):
    """The groups in the order of the search, and what bounds their completions.

    Attributes:
        log_probs (np.ndarray): Shape ``(G, K)``, minus infinity where there is no
            candidate.
        costs (np.ndarray): Shape ``(M, G, K)``.
        limits (np.ndarray): Shape ``(M, )``.
        cheapest (np.ndarray): Cost of the cheapest completion after so many groups,
            shape ``(M, G + 1)``.
        multipliers (np.ndarray): Price of each measure, shape ``(M, )``.
        gain (np.ndarray): The largest log-probability less price of any completion,
            shape ``(G + 1, )``.
    """

    log_probs: np.ndarray
    costs: np.ndarray
    limits: np.ndarray
    cheapest: np.ndarray
    multipliers: np.ndarray
    gain: np.ndarray


class _Labels(NamedTuple):
    """Partial paths: scores ``(N, )``, costs ``(M, N)``, choices ``(N, groups)``."""

    scores: np.ndarray
    costs: np.ndarray
    choices: np.ndarray


def most_probable_path(
    log_probs: np.ndarray, costs: np.ndarray, limits: np.ndarray
) -> Optional[List[int]]:
    """The path of the largest probability whose costs are within all limits.

    Dynamic programming over the groups. Of the partial paths those are kept that no
    other one beats in probability and in every cost, that a completion can bring
    within the limits, and that a completion can bring above the best path that a
    first narrow pass found; the bound on that is the Lagrangian one (Fisher, The
    Lagrangian relaxation method for solving integer programming problems, 1981),
    with the prices of the linear relaxation. A bound holds with any prices, so that
    the result does not hang on how well that was solved.

    Costs are not rounded to a grid: a path's cost is the float64 sum over the groups,
    from the first to the last, and within a limit is ``<=``. Adding keeps the order
    of two numbers, so that this sum can be compared group by group.

    Args:
        log_probs (np.ndarray): Shape ``(G, K)``, filled up with minus infinity.
        costs (np.ndarray): Shape ``(M, G, K)``, one matrix for each measure, in any
            units; what stands at the padding does not matter.
        limits (np.ndarray): Shape ``(M, )``.

    Returns:
        list[int], optional: Index of the candidate of each group; None if no path is
        within the limits. Without a limit in the way it is the first largest of every
        group; of several equally probable paths within a limit it is always the same.
    """
    log_probs, costs, limits = (
        np.asarray(values, dtype=np.float64) for values in (log_probs, costs, limits)
    )
    best = log_probs.argmax(1)
    if (path_costs(costs, best) <= limits).all():
        return best.tolist()
    there = np.isfinite(log_probs)
    # Summed up, shared offsets would only take digits away.
    log_probs = log_probs - log_probs.max(1, keepdims=True)
    candidates = np.where(there, costs, np.inf)
    if (path_costs(candidates.min(-1, keepdims=True), 0) > limits).any():
        return None
    multipliers = prices(log_probs, costs, limits)
    space = _space(log_probs, candidates, limits, multipliers)
    found = _search(space, BEAM)
    if found is None:
        # A mix of the measures may tell what none of them tells alone.
        space = _with_mix(space)
        found = _search(space, WIDE_BEAM)
    floor = -np.inf if found is None else _score(log_probs, found)
    return _search(space, floor=floor)


def path_costs(costs: np.ndarray, path: np.ndarray) -> np.ndarray:
    """Costs of a path, added up from the first group to the last.

    Args:
        costs (np.ndarray): Shape ``(M, G, K)``.
        path (np.ndarray): Index of the candidates, shape ``(G, )`` or ``()``.

    Returns:
        np.ndarray: Shape ``(M, )``.
    """
    return costs[:, range(costs.shape[1]), path].cumsum(-1)[:, -1]


def _space(log_probs, costs, limits, multipliers) -> _Space:
    def from_the_end(rows):
        sums = rows[..., ::-1].cumsum(-1)[..., ::-1]
        return np.concatenate([sums, np.zeros_like(sums[..., :1])], axis=-1)

    there = np.isfinite(log_probs)
    priced = np.einsum('m,mgk->gk', multipliers, np.where(there, costs, 0.0))
    gain = np.where(there, log_probs - priced, -np.inf).max(-1)
    return _Space(
        log_probs,
        costs,
        limits,
        from_the_end(costs.min(-1)),
        multipliers,
        from_the_end(gain),
    )


def _with_mix(space: _Space) -> _Space:
    """Adds the mix of the measures that comes nearest to excluding every path."""
    there = np.isfinite(space.log_probs)
    costs = np.where(there, space.costs, 0.0)
    mix = prices(np.where(there, 0.0, -np.inf), costs, space.limits, surely=True)
    mixed = np.where(there, np.einsum('m,mgk->gk', mix, costs), np.inf)
    # Added up in another order than the measures themselves.
    slack = SLACK * mix @ np.abs(costs).max(-1).sum(-1)
    return _space(
        space.log_probs,
        np.concatenate([space.costs, mixed[None]]),
        np.append(space.limits, mix @ space.limits + slack),
        np.append(space.multipliers, 0.0),
    )


def _score(log_probs: np.ndarray, path: List[int]) -> float:
    return float(log_probs[range(len(path)), path].sum())


def _search(
    space: _Space, beam: Optional[int] = None, floor: float = -np.inf
) -> Optional[List[int]]:
    """One pass over the groups.

    Args:
        beam (int, optional): How many labels are kept after each group; None: all
            that can lead to the best path.
        floor (float): Score of a path that is known.
    """
    num_measures, num_groups, _ = space.costs.shape
    labels = _Labels(
        np.zeros(1), np.zeros((num_measures, 1)), np.zeros((1, 0), dtype=np.int16)
    )
    size = SLACK * (1.0 + np.abs(space.log_probs[np.isfinite(space.log_probs)]).sum())
    for group in range(num_groups):
        labels = _extended(space, labels, group)
        rest = labels.costs + space.cheapest[:, group + 1, None]
        last = group + 1 == num_groups
        within = (
            rest
            <= (space.limits if last else space.limits + SLACK * np.abs(space.limits))[
                :, None
            ]
        )
        bound = (
            labels.scores
            + space.gain[group + 1]
            + space.multipliers @ (space.limits[:, None] - labels.costs)
        )
        kept = np.flatnonzero(within.all(0) & (bound >= floor - size))
        if beam is not None and len(kept) > beam:
            kept = np.sort(kept[np.argsort(-bound[kept], kind='stable')[:beam]])
        labels = _Labels(
            labels.scores[kept], labels.costs[:, kept], labels.choices[kept]
        )
        kept = _unbeaten(labels.scores, labels.costs)
        labels = _Labels(
            labels.scores[kept], labels.costs[:, kept], labels.choices[kept]
        )
    if not len(labels.scores):
        return None
    return labels.choices[labels.scores.argmax()].tolist()


def _extended(space: _Space, labels: _Labels, group: int) -> _Labels:
    """Every label with every candidate of one more group."""
    slots = np.flatnonzero(np.isfinite(space.log_probs[group]))
    num = len(labels.scores)
    added = space.costs[:, group, slots]
    return _Labels(
        (labels.scores[:, None] + space.log_probs[group, slots]).ravel(),
        (labels.costs[:, :, None] + added[:, None]).reshape(len(added), -1),
        np.column_stack(
            [
                labels.choices.repeat(len(slots), axis=0),
                np.tile(slots.astype(np.int16), num),
            ]
        ),
    )


def _unbeaten(scores: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Labels that no other one beats or equals; of equal ones the first stays.

    Args:
        scores (np.ndarray): Shape ``(N, )``.
        costs (np.ndarray): Shape ``(M, N)``.

    Returns:
        np.ndarray: Their indices, in order.
    """
    order = np.lexsort([*costs[::-1], -scores])
    costs = costs[:, order]
    # From the best score on, a label is beaten by costs alone.
    if len(costs) == 1:
        lowest = np.minimum.accumulate(costs[0])
        kept = np.r_[True, costs[0, 1:] < lowest[:-1]] if len(order) else order
        return np.sort(order[kept])
    kept = np.zeros(0, dtype=np.intp)
    for start in range(0, len(order), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(order)))
        rows = rows[~_covered(costs[:, kept], costs[:, rows])]
        earlier = np.tri(len(rows), k=-1, dtype=bool).T
        kept = np.r_[kept, rows[~_covered(costs[:, rows], costs[:, rows], earlier)]]
    return np.sort(order[kept])


def _covered(by: np.ndarray, costs: np.ndarray, which=True) -> np.ndarray:
    """Whether one of some labels costs no more in any measure, by label."""
    within = np.logical_and.reduce(
        [b[:, None] <= c[None] for b, c in zip(by, costs)], axis=0
    )
    return (within & which).any(0)
