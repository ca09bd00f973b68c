"""The published accuracy of every network of the space, and what one makes by hand."""

import itertools
import json
from pathlib import Path
from typing import Any, Iterator, NamedTuple

import numpy as np

from .space import LAYERS

# What the file calls the candidates.
DIGITS = {'0': 'shortcut', '1': 'ir_3x3_t3', '2': 'ir_5x5_t6'}
LIMITS = (30, 40, 50, 60)


class Network(NamedTuple):
    """A network of the space.

    Attributes:
        path (str): A digit for each layer, see ``DIGITS``.
        mflops (float): What it costs.
        accuracy (float): Percent of CIFAR-10's test images, mean of three trainings.
    """

    path: str
    mflops: float
    accuracy: float


class Truth:
    """All networks.

    Args:
        file (Path): ``nas-bench-macro_cifar10.json`` of xiusu/NAS-Bench-Macro.
    """

    def __init__(self, file: Path) -> None:
        self.networks = {
            path: Network(path, told['flops'] / 1e6, told['mean_acc'])
            for path, told in json.loads(Path(file).read_text()).items()
        }

    def __getitem__(self, path: str) -> Network:
        return self.networks[path]

    def within(self, limit: float) -> list[Network]:
        """The networks within so many MFLOPs."""
        return [n for n in self.networks.values() if n.mflops <= limit]

    def best(self, limit: float) -> Network:
        """The most accurate within so many MFLOPs."""
        return max(self.within(limit), key=lambda n: n.accuracy)

    def by_hand(self, limit: float) -> list[Network]:
        """What one makes by hand within a limit, see :func:`hand_made`."""
        found = (self[path] for path in hand_made())
        return [n for n in found if n.mflops <= limit]

    def largest_by_hand(self, limit: float) -> Network:
        """The costliest of these; the more accurate of two that cost the same."""
        return max(self.by_hand(limit), key=lambda n: (n.mflops, n.accuracy))

    def best_by_hand(self, limit: float) -> Network:
        """The most accurate of these, which one only knows who trains them all."""
        return max(self.by_hand(limit), key=lambda n: n.accuracy)

    def best_by_sum(self, limit: float) -> Network:
        """The best by the sum of effects that comes nearest to all accuracies.

        The effects of candidates are fitted, by least squares, to the published
        accuracies of all networks. It is no bound: a fit to fewer networks may know
        those better.
        """
        paths = np.array([[int(digit) for digit in path] for path in self.networks])
        rows = np.eye(len(DIGITS))[paths].reshape(len(paths), -1)
        accuracies = [network.accuracy for network in self.networks.values()]
        effects = np.linalg.lstsq(rows, accuracies, None)[0]
        sums = dict(zip(self.networks, rows @ effects))
        return max(self.within(limit), key=lambda n: sums[n.path])

    def summary(self, limit: float) -> dict[str, Any]:
        """What children within a limit are held against, for a file."""
        return dict(
            best=self.best(limit)._asdict(),
            best_by_sum=self.best_by_sum(limit)._asdict(),
            best_by_hand=self.best_by_hand(limit)._asdict(),
            largest_by_hand=self.largest_by_hand(limit)._asdict(),
            mean_accuracy=float(np.mean([n.accuracy for n in self.within(limit)])),
        )


def hand_made() -> Iterator[str]:
    """One block everywhere, from which each stage's last layers are left out."""
    for block in '12':
        for kept in itertools.product(*(range(1, number + 1) for number in LAYERS)):
            stages = zip(kept, LAYERS)
            yield ''.join(block * k + '0' * (number - k) for k, number in stages)
