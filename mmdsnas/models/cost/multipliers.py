from typing import Sequence

import torch
import torch.nn as nn
from torch import Tensor

# Of the running size of alpha's task gradients: that of Adam's second moment.
DECAY = 0.999
# Sizes below this are noise of rounding, which an optimizer's eps swallows.
SMALLEST = 1e-7
# How fast 1 + multiplier rises, in every step by RATE times the relative excess of the
# expected cost, and how much of the excess counts: far above the limit the time that
# alpha needs must not be held against it.
RATE, MOST_EXCESS = 0.2, 0.05
# The part in proportion to the excess, which damps the oscillation of alpha and
# multiplier, and its largest size; of 1 + multiplier as well.
DAMPING, MOST_DAMPING = 20.0, 0.5
# Where no way back is left, as in a group whose every candidate is above the limit.
MOST = 1e4


class Multipliers(nn.Module):
    """Lagrange multipliers that bring expected costs to their limits.

    A limit is a constraint on the mean cost of a path: ``E[cost] / limit - 1 <= 0``.
    Its multiplier rises while the mean is above the limit and falls, down to 0, while
    it is below (dual ascent); a part in proportion to the excess damps oscillation
    (the augmented Lagrangian; Platt and Barr, Constrained differential optimization,
    1987). With a multiplier of 1 the gradient that is added to ``alpha`` of a group is
    as large as the task's, at equal probabilities: it is scaled by the running size of
    the group's task gradients. Both moves are in proportion to 1 + multiplier: where
    the task has driven probabilities to 0 and 1, the multiplier that leads back is
    many times as large.

    All is computed on the device, from ``alpha`` and its gradients, which are the same
    on all ranks.

    Args:
        measures (Sequence[str]): Names of the limited measures.
        costs (Tensor): Of the candidates, float64, shape
            ``(num_measures, num_groups, max_choices)``, padding is 0.
        limits (Tensor): Shape ``(num_measures, )``.
        bases (Tensor): What counts besides, of the same shape.
        sizes (Tensor): Number of candidates, shape ``(num_groups, )``.
    """

    def __init__(
        self,
        measures: Sequence[str],
        costs: Tensor,
        limits: Tensor,
        bases: Tensor,
        sizes: Tensor,
    ) -> None:
        super().__init__()
        self.measures = list(measures)
        relative = costs / limits[:, None, None]
        there = torch.arange(costs.size(-1)) < sizes[:, None]
        slopes = _slopes(there / sizes[:, None], relative)
        scale = slopes.square().sum((1, 2)).div(sizes.sum()).sqrt()
        self.register_buffer('relative', relative, persistent=False)
        self.register_buffer('base', bases / limits, persistent=False)
        self.register_buffer('sizes', sizes.to(costs.dtype), persistent=False)
        # All candidates of a measure may cost the same.
        self.register_buffer('scale', scale.where(scale > 0, 1.0), persistent=False)
        for measure in measures:
            self.register_buffer(measure, torch.zeros(()))
        self.register_buffer('mean_square', torch.zeros(len(sizes)))
        self.register_buffer('steps', torch.zeros(()))

    @property
    def values(self) -> Tensor:
        """The multipliers, shape ``(num_measures, )``."""
        return torch.stack([getattr(self, measure) for measure in self.measures])

    def excess(self, probs: Tensor) -> Tensor:
        """The share by which each expected cost exceeds its limit, negative below it.

        ``probs`` are of shape ``(num_groups, max_choices)``, the result of
        ``(num_measures, )``.
        """
        expected = (probs * self.relative.to(probs.dtype)).sum((1, 2))
        return self.base.to(probs.dtype) + expected - 1

    @torch.no_grad()
    def step(self, probs: Tensor, grads: Tensor) -> Tensor:
        """Moves the multipliers once and gives the gradient that the limits add.

        It has the shape of ``probs``, ``(num_groups, max_choices)``, as have the task
        gradients of ``alpha``, ``grads``.
        """
        self.steps += 1
        square = grads.square().sum(-1) / self.sizes.to(grads.dtype)
        self.mean_square += (1 - DECAY) * (square - self.mean_square)
        size = (self.mean_square / (1 - DECAY**self.steps)).sqrt().clamp(min=SMALLEST)
        excess = self.excess(probs)
        pace = 1 + self.values
        rise = RATE * pace * excess.clamp(-MOST_EXCESS, MOST_EXCESS)
        for measure, part in zip(self.measures, rise):
            getattr(self, measure).add_(part).clamp_(0, MOST)
        damping = pace * (DAMPING * excess).clamp(-MOST_DAMPING, MOST_DAMPING)
        force = (self.values + damping).clamp(min=0) / self.scale
        slopes = _slopes(probs, self.relative.to(probs.dtype))
        added = torch.einsum('m,mgk->gk', force.to(probs.dtype), slopes)
        return (size[:, None] * added).to(grads.dtype)


def _slopes(probs: Tensor, costs: Tensor) -> Tensor:
    """Gradient of the expected costs by the logits of ``probs``, shape of costs."""
    return probs * (costs - (probs * costs).sum(-1, keepdim=True))
