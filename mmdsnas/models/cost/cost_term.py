import math
from functools import partial
from logging import WARNING
from typing import Annotated, Literal, Mapping, Sequence

import numpy as np
import torch
import torch.nn as nn
from mmengine.logging import print_log
from pydantic import Field
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from mmdsnas.errors import ConfigError
from mmdsnas.utils.options import NonNegative, checked_options
from ..mutators.most_probable import most_probable_path
from ..weights import take_what_fits
from .cost_table import ROUNDING, CostTable, total_costs
from .costs import COSTS, Amounts
from .functional import expected_cost, sampled_cost
from .limits import Limit, given_limits, in_words, limits_of
from .multipliers import Multipliers

# Of candidates above a peak's limit in a path: a child has none, a search few.
FEW = 0.1


class CostTerm(nn.Module):
    """Limits on the costs of the child, and what moves a search towards them.

    Whatever the form, the child is within the limits (see
    :func:`~mmdsnas.models.mutators.most_probable_path`); the form says how the
    distribution is moved towards them meanwhile.

    Args:
        table (CostTable): Costs of the search space.
        limit (float | str | dict, optional): Limit in MFLOPs, or a part of the most
            expensive path's cost (``'50%'``), or a dict of these with any of
            ``COSTS``, each in its unit; None: no limit.
        weight (float, optional): Factor of the penalty (lambda), per MFLOP, 1e-2 by
            default; the adaptive form has none.
        form (str): ``'adaptive'`` has a multiplier for each limit, see
            :class:`Multipliers`. The other two are penalties with a fixed weight, for
            one limit on FLOPs: ``'expected'`` penalises the mean cost while it is above
            the limit; ``'sampled'``, the official code's form, that of the sampled path
            when it costs at least the limit.
        count_fixed_part (bool): Whether stem and head count towards the limit. The
            official limit of 290 counts the blocks only.
        whole (CostTable, optional): Where the most expensive path is that a limit in
            percent is a part of; ``table`` by default.

    Attributes:
        limits (dict[str, float]): By cost, in its unit.
        sums (dict[str, float]): What the sum of a path may be, see ``tighter_sums``.
        multipliers (Multipliers, optional): Of the adaptive form, with a limit.

    Raises:
        ConfigError: An option is out of range or does not fit another, or no path is
            within the limits.
    """

    OPTION = 'cost'

    @checked_options
    def __init__(
        self,
        table: CostTable,
        limit: Annotated[dict[str, Limit], Field(min_length=1)] | Limit | None = None,
        weight: NonNegative | None = None,
        form: Literal['adaptive', 'expected', 'sampled'] = 'adaptive',
        count_fixed_part: bool = True,
        whole: CostTable | None = None,
    ) -> None:
        super().__init__()
        if form == 'adaptive' and weight is not None:
            raise ConfigError(
                "cost.weight must be left out with cost.form='adaptive', which finds "
                f'its weight by itself, but is {weight}; the forms expected and '
                'sampled have one.'
            )
        self.table, self.count_fixed_part = table, count_fixed_part
        most = partial(self._most, whole or table)
        self.limits = limits_of(limit, most)
        self.sums = dict(self.limits)
        if form != 'adaptive' and set(self.limits) - {'flops'}:
            raise ConfigError(
                "cost.limit must be one on flops with cost.form other than 'adaptive', "
                f'but is {limit} with cost.form={form!r}.'
            )
        self.weight, self.form = 1e-2 if weight is None else weight, form
        if self.limits:
            given = given_limits(limit).items()
            parts = {name: most(name) for name, n in given if isinstance(n, str)}
            self._check_limits(parts, warns=whole is None or whole is table)
        self.register_buffer('costs', table.matrix('flops'), persistent=False)
        self.multipliers: Multipliers | None = None
        if self.limits and form == 'adaptive':
            self.multipliers = Multipliers(
                list(self.limits),
                *map(torch.from_numpy, self.constraints()),
                torch.tensor(table.sizes),
            )

    @property
    def adaptive(self) -> bool:
        """bool: Whether there are multipliers."""
        return self.multipliers is not None

    def _most(self, table: CostTable, name: str) -> float:
        self._check_measured(name)
        return table.cost_range(name, self.count_fixed_part)[1]

    def _base(self, name: str) -> float:
        """What counts besides the blocks."""
        return self.table.fixed_part[name] if self.count_fixed_part else 0.0

    def _check_limits(self, parts: Amounts, warns: bool) -> None:
        """Refuses limits that no path is within; warns of those that all are within.

        ``parts`` are the most that is spent, of the costs that have a limit in percent.
        """
        own, least = self.count_fixed_part, {}
        for name, limit in self.limits.items():
            self._check_measured(name)
            least[name], most = self.table.cost_range(name, own)
            if limit > most and warns:
                told = (
                    f'cost.limit is {in_words({name: limit})}, but the most expensive '
                    f'path of this search space costs {in_words({name: most}, own)}: '
                    'the limit has no effect.'
                )
                print_log(told, 'current', WARNING)
        if not self.leaves_a_path():
            raise ConfigError(
                f'cost.limit is {in_words(self.limits, most=parts)}, but no path of '
                'this search space is within: the cheapest path costs at least '
                f'{in_words(least, own, parts)}.'
            )

    def _check_measured(self, name: str) -> None:
        if name not in self.table.fixed_part:
            raise ConfigError(
                f'cost.limit has {name}, so resource_estimator.{name} must say how it '
                f'is to be measured, e.g. {name}=dict(), but nothing measured it.'
            )

    def allows(self, path: Mapping[str, str]) -> bool:
        """Whether a path, candidate by group, is within all limits."""
        costs = self.table.cost(path, self.count_fixed_part)
        # A peak outside of all blocks is within the limit, but not below all sums.
        blocks = self.table.cost(path, False).items()
        costs |= {name: n for name, n in blocks if COSTS[name].peak}
        return all(costs[name] <= limit for name, limit in self.sums.items())

    def leaves_a_path(self) -> bool:
        """Whether a path is within all limits on sums."""
        sizes = np.array(self.table.sizes)[:, None]
        padding = np.where(np.arange(sizes.max()) < sizes, 0.0, -np.inf)
        return most_probable_path(padding, *self.constraints()) is not None

    def check_network(self, costs: Mapping[str, Amounts]) -> None:
        """Refuses a network whose counted costs are above a limit.

        What is measured has a limit on the table's sum alone: measurements vary, and
        a child that was found must not be lost to the next one.

        Raises:
            ConfigError: It costs more than a limit, by more than rounding.
        """
        blocks = total_costs(cost for name, cost in costs.items() if name)
        found = costs[''] if self.count_fixed_part else blocks
        for name, limit in self.limits.items():
            amount = found.get(name, -math.inf)
            if amount > limit and not math.isclose(amount, limit, **ROUNDING):
                raise ConfigError(
                    f'cost.limit is {in_words({name: limit})}, but the child costs '
                    f'{in_words({name: amount}, self.count_fixed_part)} as it would be '
                    'written, so that it is not.'
                )

    def constraints(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """The limits as numbers; there must be one.

        Returns:
            tuple: Costs of the candidates, shape ``(num_limits, num_groups,
            max_choices)``, of a peak 1 for those that are above its limit; the limits
            of a path's sum, shape ``(num_limits, )``; what counts besides the blocks.
        """
        costs, limits, rest = [], [], []
        for name, limit in self.sums.items():
            matrix, base = self.table.matrix(name).numpy(), self._base(name)
            if COSTS[name].peak:
                matrix, base, limit = matrix > limit, base > self.limits[name], FEW
            costs.append(matrix)
            limits.append(limit)
            rest.append(base)
        return np.stack(costs) * 1.0, np.array(limits), np.array(rest) * 1.0

    @torch.no_grad()
    def add_constraint_grad(
        self, alphas: Sequence[nn.Parameter], probs: Tensor
    ) -> None:
        """Adds the gradient of the constraints, with their multipliers, to ``alpha``.

        There must be multipliers, which move with it. So it is called once for each
        step, with unscaled gradients, averaged over ranks and micro-batches.

        Args:
            alphas (Sequence[nn.Parameter]): Of all groups.
            probs (Tensor): Their probabilities, shape ``(num_groups, max_choices)``.
        """
        grads = [a.new_zeros(len(a)) if a.grad is None else a.grad for a in alphas]
        added = self.multipliers.step(probs, pad_sequence(grads, batch_first=True))
        for alpha, grad, row in zip(alphas, grads, added):
            if alpha.requires_grad:
                alpha.grad = grad.add_(row[: len(grad)])

    def forward(self, probs: Tensor, path: Mapping[str, str]) -> Tensor:
        """The weighted penalty, shape ``()``; 0 while the limit is kept.

        That of the adaptive form, the multipliers times the shares by which the limits
        are exceeded, is for the logs and has no gradient (see
        :meth:`add_constraint_grad`); it is negative below a limit.

        Args:
            probs (Tensor): Of all groups, shape ``(num_groups, max_choices)``.
            path (Mapping[str, str]): The sampled path.
        """
        if not self.limits:
            return probs.new_zeros(())
        if self.multipliers is not None:
            excess = self.multipliers.excess(probs.detach())
            return (self.multipliers.values.to(probs.dtype) * excess).sum()
        if self.form == 'expected':
            mean = expected_cost(probs, self.costs.to(probs.dtype))
            cost = self._base('flops') + mean
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
