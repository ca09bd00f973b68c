from typing import Dict, Mapping, Optional, Sequence, Tuple, Union

import numpy as np
import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmdsnas.errors import ConfigError
from mmdsnas.options import checked_options
from ..state_dicts import take_what_fits
from .cost_table import CostTable
from .costs import Amounts
from .limits import check_limits, check_network, constraints, cost_problem, limits_of
from .multipliers import Multipliers


def expected_cost(probs: Tensor, costs: Tensor) -> Tensor:
    """Mean cost of a path drawn from ``probs``: ``sum_l sum_k p_l[k] c_l[k]``.

    Args:
        probs (Tensor): Shape ``(num_groups, max_choices)``.
        costs (Tensor): The same shape, padding is 0.

    Returns:
        Tensor: Shape ``()``, in the unit of ``costs``.
    """
    return (probs * costs).sum()


def sampled_cost(probs: Tensor, costs: Tensor, chosen: Tensor) -> Tensor:
    """The official code's cost of a path: ``sum_l p_l[k_l] c_l[k_l]``.

    Args:
        probs (Tensor): Shape ``(num_groups, max_choices)``.
        costs (Tensor): The same shape.
        chosen (Tensor): Index of the sampled candidates,
            shape ``(num_groups, )``.

    Returns:
        Tensor: Shape ``()``, in the unit of ``costs``.
    """
    return (probs * costs).gather(1, chosen[:, None]).sum()


class CostTerm(nn.Module):
    """Limits on the costs of the child, and what presses a search towards them.

    Whatever the form, the child is within the limits (see
    :func:`~mmdsnas.models.mutators.most_probable_path`); the form says how the
    distribution is pressed towards them meanwhile. It looks numbers up in a table
    and measures nothing.

    Args:
        table (CostTable): Costs of the search space.
        limit (float | dict, optional): Limit in MFLOPs, or a dict with any of
            ``COSTS``: ``flops`` (MFLOPs), ``params`` (millions), ``latency`` (ms);
            None: no limit.
        weight (float, optional): Factor of the penalty (lambda), per MFLOP, 1e-2 by
            default; the adaptive form has none.
        form (str): ``'adaptive'`` has a multiplier for each limit that finds its
            value by itself, see :class:`Multipliers`. The other two are penalties
            with a fixed weight, for one limit on FLOPs: ``'expected'`` penalises the
            mean cost while it is above the limit; ``'sampled'`` is the official
            code's form, applied when the sampled path costs at least the limit.
        count_fixed_part (bool): Whether stem and head count towards the
            limit. The official limit of 290 counts the blocks only.

    Attributes:
        limits (dict[str, float]): By cost, in its unit.
        multipliers (Multipliers, optional): Of the adaptive form, with a limit.

    Raises:
        ConfigError: An option is out of range or does not fit another, or no path is
            within the limits.
    """

    @checked_options
    def __init__(
        self,
        table: CostTable,
        limit: Union[None, float, Dict[str, float]] = None,
        weight: Optional[float] = None,
        form: str = 'adaptive',
        count_fixed_part: bool = True,
    ) -> None:
        super().__init__()
        unfit = cost_problem(dict(limit=limit, weight=weight, form=form))
        if unfit:
            raise ConfigError(f'{unfit}.')
        self.table = table
        self.limit = limit
        self.weight = 1e-2 if weight is None else weight
        self.form = form
        self.count_fixed_part = count_fixed_part
        self.limits = limits_of(limit)
        check_limits(table, self.limits, count_fixed_part)
        self.register_buffer('costs', table.matrix('flops'), persistent=False)
        self.multipliers: Optional[Multipliers] = None
        if self.limits and form == 'adaptive':
            self.multipliers = Multipliers(
                list(self.limits),
                torch.stack([table.matrix(name) for name in self.limits]),
                torch.tensor([self._base(n) for n in self.limits], dtype=torch.float64),
                torch.tensor(list(self.limits.values()), dtype=torch.float64),
                torch.tensor(table.sizes),
            )

    def _base(self, name: str) -> float:
        """What counts besides the blocks."""
        return self.table.fixed_part[name] if self.count_fixed_part else 0.0

    @property
    def adaptive(self) -> bool:
        """bool: Whether there are multipliers."""
        return self.multipliers is not None

    def allows(self, path: Mapping[str, str]) -> bool:
        """Whether a path, candidate by group, is within all limits."""
        costs = self.table.cost(path, self.count_fixed_part)
        return all(costs[name] <= limit for name, limit in self.limits.items())

    def check_network(self, costs: Mapping[str, Amounts]) -> None:
        """Refuses a network that is not within the limits on what can be counted.

        Args:
            costs (Mapping[str, dict]): See ``ResourceEstimator.network_costs``.

        Raises:
            ConfigError: It costs more.
        """
        check_network(costs, self.limits, self.count_fixed_part)

    def constraints(self) -> Tuple[np.ndarray, np.ndarray]:
        """The limits for ``DifferentiableMutator.set_limits``; there must be one."""
        return constraints(self.table, self.limits, self.count_fixed_part)

    def expected(self, probs: Tensor) -> Tensor:
        """Mean MFLOPs of a path, with the fixed part if that counts."""
        return self._base('flops') + expected_cost(probs, self.costs.to(probs.dtype))

    @torch.no_grad()
    def add_constraint_grad(
        self, alphas: Sequence[nn.Parameter], probs: Tensor
    ) -> None:
        """Adds the gradient of the constraints, with their multipliers, to ``alpha``.

        There must be multipliers, and the gradients must be complete: averaged over
        ranks and micro-batches, and unscaled.
        The multipliers move with it, so that it is called once for each step.

        Args:
            alphas (Sequence[nn.Parameter]): Of all groups; those that are trained get
                a gradient where they have none.
            probs (Tensor): Their probabilities, shape ``(num_groups, max_choices)``.
        """
        grads = [a.new_zeros(len(a)) if a.grad is None else a.grad for a in alphas]
        pressure = self.multipliers.step(probs, pad_sequence(grads, batch_first=True))
        for alpha, grad, row in zip(alphas, grads, pressure):
            if alpha.requires_grad:
                alpha.grad = grad.add_(row[: len(grad)])

    def forward(self, probs: Tensor, path: Mapping[str, str]) -> Tensor:
        """The weighted penalty.

        That of the adaptive form, the multipliers times the shares by which the
        limits are exceeded, is for the logs and has no gradient; see
        :meth:`add_constraint_grad`.

        Args:
            probs (Tensor): Probabilities of all groups,
                shape ``(num_groups, max_choices)``.
            path (Mapping[str, str]): The sampled path.

        Returns:
            Tensor: Shape ``()``; 0 while the limit is kept, but of the adaptive form
            negative below a limit whose multiplier is not 0.
        """
        if self.limit is None:
            return probs.new_zeros(())
        if self.multipliers is not None:
            excess = self.multipliers.excess(probs.detach())
            return (self.multipliers.values.to(probs.dtype) * excess).sum()
        if self.form == 'expected':
            cost = self.expected(probs)
            # A product, because a branch would wait for the device.
            return self.weight * cost * (cost.detach() > self.limits['flops'])
        sampled = self.table.cost(path, self.count_fixed_part)['flops']
        if sampled < self.limits['flops']:
            return probs.new_zeros(())
        groups = self.table.by_group.items()
        chosen = [list(costs).index(path[name]) for name, costs in groups]
        index = probs.new_tensor(chosen).long()
        return self.weight * sampled_cost(probs, self.costs.to(probs.dtype), index)

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # A checkpoint may be older than the multipliers, or of other limits.
        take_what_fits(self, state_dict, prefix, fill=torch.zeros_like)
        super()._load_from_state_dict(state_dict, prefix, *args)
