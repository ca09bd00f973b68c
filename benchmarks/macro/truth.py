"""What is published of all networks of the space, and what one would make by hand."""

import itertools
import json
from pathlib import Path
from typing import Mapping, NamedTuple

import numpy as np

from .space import STAGES

# Candidates by the digits of the table.
DIGITS = {'shortcut': '0', 'ir_3x3_t3': '1', 'ir_5x5_t6': '2'}


class Network(NamedTuple):
    """A network of the table: mean accuracy of three trainings, and cost."""

    accuracy: float
    mflops: float
    mparams: float


def read(path: Path) -> dict[str, Network]:
    """The networks of the published file, by their digits."""
    return {
        digits: Network(row['mean_acc'], row['flops'] / 1e6, row['params'] / 1e6)
        for digits, row in json.loads(path.read_text()).items()
    }


def digits_of(child: Mapping[str, str]) -> str:
    """What the table calls a child: candidate by block, in their order."""
    return ''.join(DIGITS[candidate] for candidate in child.values())


def hand_made() -> list[str]:
    """One block everywhere, and stages that are cut at their end."""
    depths = itertools.product(*(range(1, number + 1) for number in STAGES))
    return [
        ''.join(
            kind * depth + '0' * (number - depth) for depth, number in zip(own, STAGES)
        )
        for own in depths
        for kind in '12'
    ]


class Truth:
    """What is best within limits.

    Args:
        networks (dict[str, Network]): See :func:`read`.
    """

    def __init__(self, networks: Mapping[str, Network]) -> None:
        self.networks = networks

    def within(self, limit: float, among=None) -> dict[str, Network]:
        """The networks that cost at most so many MFLOPs."""
        known = self.networks if among is None else {d: self.networks[d] for d in among}
        return {d: n for d, n in known.items() if n.mflops <= limit}

    def best(self, limit: float) -> float:
        """Accuracy of the best network within a limit."""
        return max(n.accuracy for n in self.within(limit).values())

    def best_by_hand(self, limit: float) -> float:
        """The same of those that one would make by hand."""
        return max(n.accuracy for n in self.within(limit, hand_made()).values())

    def largest_by_hand(self, limit: float) -> float:
        """The same of the costliest of these; of several, of the most accurate."""
        known = self.within(limit, hand_made()).values()
        return max(known, key=lambda n: (n.mflops, n.accuracy)).accuracy

    def random(self, limit: float) -> float:
        """Mean accuracy of a network drawn uniformly from those within a limit."""
        return float(np.mean([n.accuracy for n in self.within(limit).values()]))
