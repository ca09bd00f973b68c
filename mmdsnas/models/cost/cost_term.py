from logging import WARNING
from typing import Dict, Mapping, Optional

import torch.nn as nn
from mmengine.logging import print_log
from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.options import check_options
from .cost_table import CostTable


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
    """Penalty on paths that cost more than a limit.

    It looks numbers up in a table and measures nothing.

    Args:
        table (CostTable): Costs of the search space.
        limit (float, optional): Limit in MFLOPs; None: no penalty.
        weight (float): Factor of the penalty (lambda), per MFLOP.
        form (str): ``'expected'`` penalises the mean cost while it is above
            the limit; ``'sampled'`` is the official code's form, applied when
            the sampled path costs at least the limit.
        count_fixed_part (bool): Whether stem and head count towards the
            limit. The official limit of 290 counts the blocks only.

    Raises:
        ConfigError: An option is out of range, or no path meets the limit.
    """

    def __init__(
        self,
        table: CostTable,
        limit: Optional[float] = None,
        weight: float = 1e-2,
        form: str = 'expected',
        count_fixed_part: bool = True,
    ) -> None:
        super().__init__()
        check_options(
            'CostTerm',
            limit=limit,
            weight=weight,
            form=form,
            count_fixed_part=count_fixed_part,
        )
        self.table = table
        self.limit = limit
        self.weight = weight
        self.form = form
        self.count_fixed_part = count_fixed_part
        if limit is not None:
            self._check_limit(limit)
        self.base = table.fixed_part.flops if count_fixed_part else 0.0
        self.register_buffer('costs', table.flops_matrix(), persistent=False)

    @classmethod
    def from_options(cls, table: CostTable, options: Optional[Dict]) -> 'CostTerm':
        """Builds the term from the config's ``cost``.

        Args:
            table (CostTable): Costs of the search space.
            options (dict, optional): The other arguments; None: no penalty.

        Raises:
            ConfigError: One is wrong.
        """
        return cls(table, **(options or {}))

    def _check_limit(self, limit: float) -> None:
        cheapest, dearest = self.table.flops_range(self.count_fixed_part)
        what = 'MFLOPs' + (
            '' if self.count_fixed_part else ' (blocks only, count_fixed_part=False)'
        )
        if limit < cheapest:
            raise ConfigError(
                f'cost.limit is {limit:g}, but the cheapest path of this '
                f'search space costs {cheapest:.6g} {what}.'
            )
        if limit > dearest:
            print_log(
                f'cost.limit is {limit:g}, but the dearest path of this '
                f'search space costs {dearest:.6g} {what}: the limit has no '
                'effect.',
                'current',
                level=WARNING,
            )

    def expected(self, probs: Tensor) -> Tensor:
        """Mean MFLOPs of a path, with the fixed part if that counts."""
        return self.base + expected_cost(probs, self.costs.to(probs.dtype))

    def forward(self, probs: Tensor, path: Mapping[str, str]) -> Tensor:
        """The weighted penalty.

        Args:
            probs (Tensor): Probabilities of all groups,
                shape ``(num_groups, max_choices)``.
            path (Mapping[str, str]): The sampled path.

        Returns:
            Tensor: Shape ``()``; 0 while the limit is kept.
        """
        if self.limit is None:
            return probs.new_zeros(())
        if self.form == 'expected':
            cost = self.expected(probs)
            # A product, because a branch would wait for the device.
            return self.weight * cost * (cost.detach() > self.limit)
        sampled = self.table.cost(path, self.count_fixed_part).flops
        if sampled < self.limit:
            return probs.new_zeros(())
        chosen = [
            list(costs).index(path[name]) for name, costs in self.table.by_group.items()
        ]
        index = probs.new_tensor(chosen).long()
        return self.weight * sampled_cost(probs, self.costs.to(probs.dtype), index)
