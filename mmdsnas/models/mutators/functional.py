"""What is done to logits and probabilities of a search, on plain tensors.

A batch of groups is a matrix ``(num_groups, max_choices)``; a group with fewer
candidates is filled up with logits of minus infinity, whose probability and
gradient are zero.
"""

from typing import Sequence

import numpy as np
import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence


def pad_logits(logits: Sequence[Tensor]) -> Tensor:
    """Stacks the logits of groups, each of shape ``(num_choices, )``."""
    if len({len(group) for group in logits}) == 1:
        # One operation, and one in the backward pass, not one for each group.
        return torch.stack(list(logits))
    return pad_sequence(list(logits), batch_first=True, padding_value=float('-inf'))


def uniforms(
    seed: int, iteration: int, rank: int, num: int, stream: int = 0
) -> np.ndarray:
    """Random numbers in [0, 1) that are a function of their arguments alone.

    Nothing is kept between calls, so that a resumed run draws what the
    uninterrupted one would have drawn.

    Args:
        seed (int): Seed of the run.
        iteration (int): Training iteration, from 0.
        rank (int): Rank of the process.
        num (int): How many numbers.
        stream (int): Draws for another purpose get another stream.

    Returns:
        np.ndarray: float64, shape ``(num, )``.
    """
    key = np.random.SeedSequence([seed, iteration, rank, stream])
    return np.random.Generator(np.random.PCG64(key)).random(num)


def draw(probs: np.ndarray, uniform: np.ndarray) -> list[int]:
    """Draws one candidate of every group, by inverting the distribution.

    Args:
        probs (np.ndarray): Shape ``(num_groups, max_choices)``, rows sum
            to 1 up to rounding, padding is 0.
        uniform (np.ndarray): Numbers in [0, 1), shape ``(num_groups, )``.

    Returns:
        list[int]: Index of the candidate, per group.
    """
    cumulative = probs.astype(np.float64).cumsum(axis=1)
    # Scaled by the row's sum, rounding cannot lead past the last candidate.
    threshold = uniform[:, None] * cumulative[:, -1:]
    return (threshold >= cumulative).sum(axis=1).tolist()


def entropy(probs: Tensor) -> Tensor:
    """Entropy in nats of each row, shape ``(num_groups, )``."""
    return torch.special.entr(probs).sum(-1)


def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL divergence ``sum p log(p / q)`` in nats of each row.

    Args:
        p (Tensor): Shape ``(num_groups, max_choices)``, rows sum to 1.
        q (Tensor): The same; where it is 0 but ``p`` is not, the divergence
            is infinite.

    Returns:
        Tensor: float64, shape ``(num_groups, )``.
    """
    p, q = p.double(), q.double()
    # q - p sums up to rounding alone, which it takes out: that of float32
    # would be as large as the divergence of one step.
    return (torch.special.xlogy(p, p) - torch.special.xlogy(p, q) + q - p).sum(-1)


def margin(probs: Tensor) -> Tensor:
    """How far the largest probability is ahead, shape ``(num_groups, )``.

    A group with a single candidate is as far ahead as can be: 1.
    """
    if probs.size(-1) == 1:
        return torch.ones_like(probs[..., 0])
    first, second = probs.topk(2, dim=-1).values.unbind(-1)
    return first - second


def winning_gumbels(
    probs: np.ndarray, chosen: Sequence[int], uniform: np.ndarray
) -> np.ndarray:
    """Gumbel noise, given which candidate it makes the winner.

    The largest of ``log p_k + noise_k`` is a standard Gumbel number wherever it is
    (the ``p_k`` sum to 1), and the others are Gumbel numbers below it (Maddison et
    al. 2014, "A* Sampling", section 2).

    Args:
        probs (np.ndarray): Shape ``(num_groups, max_choices)``, padding is 0.
        chosen (Sequence[int]): Index of the winner, by group.
        uniform (np.ndarray): Numbers in [0, 1), the shape of ``probs``.

    Returns:
        np.ndarray: The noise, the shape of ``probs``; 0 where ``p`` is 0.
    """
    rows = np.arange(len(probs))
    # 1 - u is in (0, 1], so that the logarithms are finite but for u = 0.
    exponential = -np.log1p(-np.maximum(uniform, np.finfo(np.float64).tiny))
    top = -np.log(exponential[rows, chosen])
    positive = np.where(probs > 0, probs, 1.0)
    # Gumbel numbers with the location log p, given that they are below top.
    perturbed = -np.log(np.exp(-top)[:, None] + exponential / positive)
    perturbed[rows, chosen] = top
    return np.where(probs > 0, perturbed - np.log(positive), 0.0)
