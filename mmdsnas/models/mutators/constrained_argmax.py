from typing import Any, List, Mapping, Optional, Tuple

import numpy as np
from torch import Tensor

from mmdsnas.errors import ConfigError
from .most_probable import most_probable_path

# By how much of a limit early fixing may bring a mean cost above it: at a limit the
# mean swings around it.
SLACK = 0.01


class ConstrainedArgmax:
    """The most probable path within limits, given what is fixed.

    The last answer is kept: evaluation asks for it at every batch.

    Args:
        costs (np.ndarray): Costs of the candidates, shape
            ``(num_limits, num_groups, max_choices)``.
        limits (np.ndarray): What the sum over a path, from the first group to the
            rest, may be, shape ``(num_limits, )``.
        rest (np.ndarray | float): What counts besides, of the same shape.
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
        self._last: Optional[Tuple[bytes, List[int]]] = None

    def __call__(self, logits: Tensor, fixed: Tensor) -> List[int]:
        """Index of the candidate of each group.

        Args:
            logits (Tensor): Shape ``(num_groups, max_choices)``, filled up with
                minus infinity.
            fixed (Tensor): Index of the fixed candidates, -1 where none is, shape
                ``(num_groups, )``.

        Raises:
            ConfigError: What is fixed leaves no path within the limits.
        """
        log_probs = logits.detach().cpu().double().log_softmax(-1).numpy()
        settled = fixed.cpu().numpy()
        if (settled >= 0).all():
            # A latency that was measured again must not refuse a finished search.
            return settled.tolist()
        # The values themselves, so that no way of changing them is overlooked.
        key = log_probs.tobytes() + settled.tobytes()
        if self._last is None or self._last[0] != key:
            others = np.arange(log_probs.shape[1]) != settled[:, None]
            allowed = np.where((settled >= 0)[:, None] & others, -np.inf, log_probs)
            path = most_probable_path(allowed, self.costs, self.limits, self.rest)
            if path is None:
                raise ConfigError(
                    'model.cost.limit must leave a path, but with the '
                    f'{(settled >= 0).sum()} of {len(settled)} choices that are fixed '
                    'already every path costs more.'
                )
            self._last = key, path
        return list(self._last[1])

    def fixable(self, probs: np.ndarray, chosen: Mapping[int, int]) -> List[int]:
        """Groups that can be fixed without a mean cost above a limit.

        The surest are fixed first. None is while a mean is above its limit: what is
        left to be searched might have no way back.

        Args:
            probs (np.ndarray): Of all groups, shape ``(num_groups, max_choices)``.
            chosen (Mapping[int, int]): Index of a candidate by that of its group.
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
