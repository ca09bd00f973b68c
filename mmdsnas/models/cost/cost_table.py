import operator
import os
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from typing import Iterable, Mapping

import torch
from torch import Tensor

from .costs import COSTS, Amounts

# Counts are whole numbers, which were divided by a million and added up.
ROUNDING = dict(rel_tol=1e-9, abs_tol=1e-9)


def total(amounts: Iterable[float]) -> float:
    """Sum of amounts, added up from the first to the last."""
    # Not sum(), which newer Pythons compensate: the child within a limit is found by
    # adding up group by group, and its cost must be this one to the last bit.
    return reduce(operator.add, amounts, 0.0)


def whole_cost(name: str, parts: Iterable[float]) -> float:
    """What all parts cost together, at least one: a sum, or of a peak the largest."""
    return max(parts) if COSTS[name].peak else total(parts)


def total_costs(parts: Iterable[Amounts]) -> Amounts:
    """All costs of some parts together, see :func:`whole_cost`."""
    parts = list(parts)
    return {name: whole_cost(name, [part[name] for part in parts]) for name in parts[0]}


@dataclass(frozen=True)
class CostTable:
    """Costs of every candidate of every block, measured once.

    Attributes:
        blocks (dict[str, dict[str, dict[str, float]]]): Costs by block and candidate:
            amount by the name of the cost, see ``COSTS`` for the units.
        groups (dict[str, list[str]]): Blocks of each search group, in the
            mutator's order.
        fixed_part (dict[str, float]): Of what is not searched, such as stem and head.
    """

    blocks: dict[str, dict[str, Amounts]]
    groups: dict[str, list[str]]
    fixed_part: Amounts

    @cached_property
    def by_group(self) -> dict[str, dict[str, Amounts]]:
        """Costs by group and candidate, those of the group's blocks together."""
        return {
            group: {
                choice: total_costs(self.blocks[b][choice] for b in members)
                for choice in self.blocks[members[0]]
            }
            for group, members in self.groups.items()
        }

    @property
    def sizes(self) -> list[int]:
        """Number of candidates of each group."""
        return [len(costs) for costs in self.by_group.values()]

    def choices(self, path: Mapping[str, str]) -> dict[str, str]:
        """A path by block instead of by group."""
        return {b: path[g] for g, blocks in self.groups.items() for b in blocks}

    def cost(self, path: Mapping[str, str], fixed_part: bool = True) -> Amounts:
        """Costs of a path, candidate by group, with the fixed part if that counts."""
        # The sums depend on the order in their last bits.
        parts = [costs[path[name]] for name, costs in self.by_group.items()]
        return total_costs([*parts, self.fixed_part] if fixed_part else parts)

    def measured(
        self, name: str, blocks: Mapping[str, Mapping[str, float]], fixed_part: float
    ) -> 'CostTable':
        """This table with one more cost, by block and candidate, and of the rest."""
        table = {
            block: {c: {**cost, name: blocks[block][c]} for c, cost in row.items()}
            for block, row in self.blocks.items()
        }
        rest = {**self.fixed_part, name: fixed_part}
        return replace(self, blocks=table, fixed_part=rest)

    def by_block(self, path: Mapping[str, str]) -> dict[str, Amounts]:
        """Costs of a path, candidate by group, by block; ``''`` is the whole of it."""
        own = {b: self.blocks[b][c] for b, c in self.choices(path).items()}
        return {**own, '': self.cost(path)}

    def labels(self) -> dict[str, str]:
        """What to call the groups: their blocks, without what all names share."""
        names = list(self.blocks)
        shared = os.path.commonprefix(names).rpartition('.')[0]
        cut = len(shared) + 1 if shared and len(names) > 1 else 0
        return {
            group: '+'.join(name[cut:] for name in members)
            for group, members in self.groups.items()
        }

    def cost_range(
        self, name: str = 'flops', fixed_part: bool = True
    ) -> tuple[float, float]:
        """The least and the most that a path costs, by the name of the cost."""
        columns = [[c[name] for c in g.values()] for g in self.by_group.values()]
        columns += [[self.fixed_part[name]]] if fixed_part else []
        return (
            whole_cost(name, map(min, columns)),
            whole_cost(name, map(max, columns)),
        )

    def extreme_paths(self) -> tuple[dict[str, str], dict[str, str]]:
        """The paths that cost fewest and most MFLOPs, candidate by group."""
        groups = self.by_group.items()
        mflops = {g: {c: cost['flops'] for c, cost in row.items()} for g, row in groups}
        cheapest = {group: min(row, key=row.get) for group, row in mflops.items()}
        return cheapest, {group: max(row, key=row.get) for group, row in mflops.items()}

    def matrix(self, name: str) -> Tensor:
        """One cost of the candidates: float64, shape ``(num_groups, max_choices)``.

        It is filled up with 0, like the mutator's probabilities.
        """
        rows = [
            torch.tensor([cost[name] for cost in g.values()], dtype=torch.float64)
            for g in self.by_group.values()
        ]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
