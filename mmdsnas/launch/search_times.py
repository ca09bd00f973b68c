"""How long a search in a pretrained network takes, by steps that were timed."""

from dataclasses import dataclass
from typing import Sequence

from mmdsnas.engine.hooks.logging.step_times import side_by_side
from mmdsnas.models import DSNAS

# Parts of the time: what goes by besides all steps; at most and in whole epochs, the
# tuning of the network.
BESIDES, TUNED, MOST_TUNED = 0.05, 0.15, 4
# Of a step of the whole network: what a step takes however little its path costs, and
# a forward pass; of networks of 10 to 100 % of the MFLOPs, on a CPU.
CONSTANT, FORWARD = 0.1, 1 / 3


@dataclass(frozen=True)
class Times:
    """What a search in a network is planned by.

    Attributes:
        step (float): Seconds of a training step of the whole network for an image.
        load (float): Seconds in which one process loads an image.
        workers (int): Processes that load images beside the training.
        parts (list[float]): Of the whole network's MFLOPs, what each child may have; 1
            where other costs alone are limited.
        scored (float): Forward passes of the whole network, in images, that the choices
            of the children take; those of small images as a part of large ones.
        trials (list[float]): Of each child's steps, those of all trials of finalists.
    """

    step: float
    load: float
    workers: int
    parts: list[float]
    scored: float
    trials: list[float]

    @property
    def whole(self) -> float:
        """Seconds of an image in an epoch of the whole network."""
        return side_by_side(self.step, self.load, self.workers)

    @property
    def children(self) -> list[float]:
        """Seconds of an image in an epoch of each child."""
        steps = (self.step * (CONSTANT + (1 - CONSTANT) * part) for part in self.parts)
        return [side_by_side(step, self.load, self.workers) for step in steps]

    def epochs(self, seconds: float, num_images: float) -> tuple[int, list[int]]:
        """Epochs for tuning, and all of each child, that some time is enough for.

        What tuning and scores leave is parted equally among the children. What whole
        epochs leave of that goes to the most expensive ones, whose parts are the
        farthest from whole numbers.
        """
        tuned = TUNED * seconds / (num_images * self.whole)
        tuned = int(min(max(tuned, 1), MOST_TUNED))
        left = seconds * (1 - BESIDES) - FORWARD * self.step * self.scored
        left = left / num_images - tuned * self.whole
        tried = self._tried()
        alone = [max(int(left / len(tried) / own), 1) for own in tried]
        left -= sum(n * own for n, own in zip(alone, tried))
        for k in sorted(range(len(tried)), key=lambda k: -tried[k]):
            if tried[k] <= left:
                alone[k] += 1
                left -= tried[k]
        return tuned, [tuned + n for n in alone]

    def seconds(self, tuned: int, epochs: Sequence[int], num_images: float) -> float:
        """Of so many epochs, all of each child, and of all that lies between them."""
        own = sum((n - tuned) * of for n, of in zip(epochs, self._tried()))
        trained = num_images * (tuned * self.whole + own)
        return (trained + FORWARD * self.step * self.scored) / (1 - BESIDES)

    def _tried(self) -> list[float]:
        """As ``children``, with the trials that come before."""
        return [own * (1 + part) for own, part in zip(self.children, self.trials)]


def scored_images(algorithm: DSNAS, images: float) -> float:
    """Attribute ``scored`` of :class:`Times`, but soft labels, for some images."""
    # About in proportion to the edge, not to the area: layers of few pixels are slow.
    sizes = algorithm.input_sizes or [algorithm.edge]
    parts = sum(size / algorithm.edge for size in sizes)
    candidates = sum(size - 1 for size in algorithm.cost_table.sizes)
    # The other half is computed once for all.
    return parts * images * candidates / 2
