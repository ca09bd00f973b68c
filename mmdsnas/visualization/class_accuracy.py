"""How well a network knows each class, from what it said of each image."""

from typing import NamedTuple, Sequence

import numpy as np

from .predictions import ImagePrediction

CONFIDENCE = 0.95


class ClassAccuracy(NamedTuple):
    """The accuracy of a class in %, with its 95 % interval; None without images."""

    name: str
    images: int
    accuracy: float | None
    lower: float | None
    upper: float | None


class Confusion(NamedTuple):
    """How often images of a class were taken for another one, of how many."""

    true: str
    predicted: str
    count: int
    images: int


def wilson_interval(correct: int, images: int) -> tuple[float, float]:
    """The 95 % interval of an accuracy in % (Wilson, 1927).

    It holds for a few images, too, and is never beyond 0 and 100.
    """
    # Its import would make every tool slower to start.
    from scipy.stats import binomtest

    ends = binomtest(correct, images).proportion_ci(CONFIDENCE, method='wilson')
    return 100 * float(ends.low), 100 * float(ends.high)


def accuracy_of(name: str, correct: int, images: int) -> ClassAccuracy:
    """The accuracy on so many images of a class, or of a network."""
    if not images:
        return ClassAccuracy(name, 0, None, None, None)
    interval = wilson_interval(correct, images)
    return ClassAccuracy(name, images, 100 * correct / images, *interval)


def confusion_matrix(
    rows: Sequence[ImagePrediction], classes: Sequence[str]
) -> np.ndarray:
    """Numbers of images by true class (rows) and predicted class (columns)."""
    label = {name: k for k, name in enumerate(classes)}
    matrix = np.zeros((len(classes), len(classes)), int)
    pairs = [(label[row.true], label[row.predicted]) for row in rows]
    if pairs:
        np.add.at(matrix, tuple(np.transpose(pairs)), 1)
    return matrix


def accuracy_of_classes(
    rows: Sequence[ImagePrediction], classes: Sequence[str]
) -> list[ClassAccuracy]:
    """The accuracy of each class, in their order."""
    matrix = confusion_matrix(rows, classes)
    counts = zip(classes, matrix.diagonal().tolist(), matrix.sum(1).tolist())
    return [accuracy_of(*of) for of in counts]


def worst_first(classes: Sequence[ClassAccuracy]) -> list[ClassAccuracy]:
    """Classes by accuracy, of equal ones that with more images first.

    Those without images are last.
    """
    return sorted(
        classes,
        key=lambda of: (of.accuracy is None, of.accuracy or 0, -of.images, of.name),
    )


def most_confused(
    matrix: np.ndarray, classes: Sequence[str], most: int = 20
) -> list[Confusion]:
    """The pairs of classes that were taken for each other most often."""
    errors = matrix - np.diag(matrix.diagonal())
    images = matrix.sum(1).tolist()
    found = [
        Confusion(classes[t], classes[p], int(errors[t, p]), images[t])
        for t, p in np.argwhere(errors).tolist()
    ]
    # Of equal numbers those of the smaller class come first.
    found.sort(key=lambda pair: (-pair.count, pair.images, pair[:2]))
    return found[:most]


def most_wrong(rows: Sequence[ImagePrediction], most: int = 8) -> list[ImagePrediction]:
    """The images with the highest probability of a wrong class."""
    wrong = [row for row in rows if row.true != row.predicted]
    return sorted(wrong, key=lambda row: (-row.probability, row.image))[:most]


def most_unsure(
    rows: Sequence[ImagePrediction], most: int = 8
) -> list[ImagePrediction]:
    """The images whose two largest probabilities differ least."""
    return sorted(
        rows, key=lambda row: (row.probability - row.second_probability, row.image)
    )[:most]
