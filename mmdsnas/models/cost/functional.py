"""Costs of a distribution over paths.

Probabilities and costs of candidates have the shape ``(num_groups, max_choices)``, and
0 as padding. The result has the unit of the costs.
"""

from torch import Tensor


def expected_cost(probs: Tensor, costs: Tensor) -> Tensor:
    """Mean cost of a path drawn from ``probs``: ``sum_l sum_k p_l[k] c_l[k]``."""
    return (probs * costs).sum()


def sampled_cost(probs: Tensor, costs: Tensor, chosen: Tensor) -> Tensor:
    """The official code's cost of a path: ``sum_l p_l[k_l] c_l[k_l]``.

    ``chosen`` has the index of each group's candidate, shape ``(num_groups, )``.
    """
    return (probs * costs).gather(1, chosen[:, None]).sum()
