import operator
import os
from dataclasses import dataclass, replace
from functools import cached_property, reduce
from math import nan
from typing import Dict, Iterable, List, Mapping, NamedTuple, Tuple

import torch
from torch import Tensor


class Cost(NamedTuple):
    """Cost of a network for one input.

    Attributes:
        flops (float): MFLOPs: multiply-adds / 1e6.
        params (float): Parameters / 1e6.
        latency (float): Milliseconds; NaN where it was not measured.
    """

    flops: float
    params: float
    latency: float = nan


# Names of what is counted or measured.
MEASURES = Cost._fields


def total(costs: Iterable[Cost]) -> Cost:
    """Sum of costs, added up from the first to the last."""
    costs = list(costs)
    # Not sum(), which newer Pythons compensate: the child within a limit is found by
    # adding up group by group, and its cost must be this one to the last bit.
    return Cost(
        *(reduce(operator.add, (getattr(c, m) for c in costs), 0.0) for m in MEASURES)
    )


@dataclass(frozen=True)
class CostTable:
    """Cost of every candidate of every block, measured once.

    Attributes:
        blocks (dict[str, dict[str, Cost]]): Cost by block and candidate.
        groups (dict[str, list[str]]): Blocks of each search group, in the
            mutator's order.
        fixed_part (Cost): What every path contains: stem, head and whatever
            else is not searched.
    """

    blocks: Dict[str, Dict[str, Cost]]
    groups: Dict[str, List[str]]
    fixed_part: Cost

    @cached_property
    def by_group(self) -> Dict[str, Dict[str, Cost]]:
        """Cost by group and candidate, summed over the group's blocks."""
        return {
            group: {
                choice: total(self.blocks[b][choice] for b in members)
                for choice in self.blocks[members[0]]
            }
            for group, members in self.groups.items()
        }

    @property
    def sizes(self) -> List[int]:
        """Number of candidates of each group."""
        return [len(costs) for costs in self.by_group.values()]

    def choices(self, path: Mapping[str, str]) -> Dict[str, str]:
        """A path by block instead of by group."""
        return {b: path[g] for g, blocks in self.groups.items() for b in blocks}

    def cost(self, path: Mapping[str, str], fixed_part: bool = True) -> Cost:
        """Cost of a path.

        Args:
            path (Mapping[str, str]): Candidate by group.
            fixed_part (bool): Whether the fixed part counts.

        Returns:
            Cost: Added up in the order of the groups, the fixed part last.
        """
        parts = [costs[path[name]] for name, costs in self.by_group.items()]
        if fixed_part:
            parts.append(self.fixed_part)
        return total(parts)

    def with_latencies(
        self, blocks: Mapping[str, Mapping[str, float]], fixed_part: float
    ) -> 'CostTable':
        """This table with measured latencies.

        Args:
            blocks (Mapping[str, Mapping[str, float]]): Milliseconds by block and
                candidate.
            fixed_part (float): Milliseconds of what every path contains.
        """
        table = {
            name: {c: cost._replace(latency=blocks[name][c]) for c, cost in row.items()}
            for name, row in self.blocks.items()
        }
        fixed = self.fixed_part._replace(latency=fixed_part)
        return replace(self, blocks=table, fixed_part=fixed)

    def network_latencies(
        self, path: Mapping[str, str], counted: Mapping[str, Cost]
    ) -> Dict[str, Cost]:
        """What was counted in a path's network, with this table's latencies.

        Args:
            path (Mapping[str, str]): Candidate by group.
            counted (Mapping[str, Cost]): Cost by block; ``''`` is the whole network.
        """
        latencies = {
            b: self.blocks[b][c].latency for b, c in self.choices(path).items()
        }
        latencies[''] = self.cost(path).latency
        return {n: cost._replace(latency=latencies[n]) for n, cost in counted.items()}

    def labels(self) -> Dict[str, str]:
        """What to call the groups: their blocks, without what all names share."""
        names = list(self.blocks)
        shared = os.path.commonprefix(names).rpartition('.')[0]
        cut = len(shared) + 1 if shared and len(names) > 1 else 0
        return {
            group: '+'.join(name[cut:] for name in members)
            for group, members in self.groups.items()
        }

    def cost_range(
        self, measure: str = 'flops', fixed_part: bool = True
    ) -> Tuple[float, float]:
        """What the cheapest and the most expensive path cost.

        Args:
            measure (str): A field of ``Cost``, whose unit the range has.
            fixed_part (bool): Whether the fixed part counts.
        """
        groups = self.by_group.values()
        columns = [[getattr(cost, measure) for cost in g.values()] for g in groups]
        base = [getattr(self.fixed_part, measure)] if fixed_part else []
        cheapest, costliest = (
            reduce(operator.add, [*map(pick, columns), *base], 0.0)
            for pick in (min, max)
        )
        return cheapest, costliest

    def extreme_paths(self) -> Tuple[Dict[str, str], Dict[str, str]]:
        """The paths that cost fewest and most MFLOPs, candidate by group."""
        cheapest, costliest = (
            {
                group: pick(costs, key=lambda choice: costs[choice].flops)
                for group, costs in self.by_group.items()
            }
            for pick in (min, max)
        )
        return cheapest, costliest

    def matrix(self, measure: str) -> Tensor:
        """Costs of the candidates by one measure.

        Args:
            measure (str): A field of ``Cost``, whose unit they have.

        Returns:
            Tensor: float64, shape ``(num_groups, max_choices)``, filled up
            with 0 like the mutator's probabilities.
        """
        rows = [
            torch.tensor([getattr(c, measure) for c in g.values()], dtype=torch.float64)
            for g in self.by_group.values()
        ]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True)
