"""Whether a file computes what the child does."""

from typing import Iterable, NamedTuple

import torch

from mmdsnas.datasets.packed_images import Batch
from .formats import Run


class Comparison(NamedTuple):
    """Two ways to compute the same images.

    Attributes:
        images (int): How many there were.
        largest (float): The largest difference between two logits; NaN if one is.
        scale (float): The largest absolute value of the first way's logits.
        agreeing (int): Images with the same most probable class.
        before, after (float, optional): Accuracies of the first and of the second
            way, from 0 to 1; None without labels.
    """

    images: int
    largest: float
    scale: float
    agreeing: int
    before: float | None
    after: float | None


def compare(first: Run, second: Run, batches: Iterable[Batch]) -> Comparison:
    """Compares two functions over all images; the first one is right."""
    wanted, got, labels = [], [], []
    for images, known in batches:
        wanted.append(first(images))
        got.append(second(images))
        labels += known
    wanted, got = torch.cat(wanted), torch.cat(got)
    predictions = wanted.argmax(1), got.argmax(1)
    accuracies = (None, None)
    if None not in labels:
        right = torch.tensor(labels)
        accuracies = [(p == right).double().mean().item() for p in predictions]
    return Comparison(
        len(wanted),
        (wanted - got).abs().max().item(),
        wanted.abs().max().item(),
        int((predictions[0] == predictions[1]).sum()),
        *accuracies,
    )
