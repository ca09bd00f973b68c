"""Costs of a distribution over paths."""

from torch import Tensor


def expected_cost(probs: Tensor, costs: Tensor) -> Tensor:
    """Mean cost of a path drawn from ``probs``: ``sum_l sum_k p_l[k] c_l[k]``.

    Args:
        probs (Tensor): Shape ``(num_groups, max_choices)``.
        costs (Tensor): The same shape, padding is 0; the result has their unit.
    """
    return (probs * costs).sum()


def sampled_cost(probs: Tensor, costs: Tensor, chosen: Tensor) -> Tensor:
    """The official code's cost of a path: ``sum_l p_l[k_l] c_l[k_l]``.

    Args:
        probs (Tensor): Shape ``(num_groups, max_choices)``.
        costs (Tensor): The same shape; the result has their unit.
        chosen (Tensor): Index of the sampled candidates, shape ``(num_groups, )``.
    """
    return (probs * costs).gather(1, chosen[:, None]).sum()
