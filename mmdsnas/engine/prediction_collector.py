"""What a network says of each image in an evaluation, kept beside the metrics."""

import os
from pathlib import Path
from typing import Any, Iterable, Sequence

import torch
from mmengine.dist import collect_results, master_only
from torch.utils.data import DataLoader, Dataset

from mmdsnas.utils.data_sets import INSIDE
from mmdsnas.utils.files import going_on
from mmdsnas.visualization.csv_files import write_predictions
from mmdsnas.visualization.predictions import ImagePrediction, unique_names

# How far the sum of a distribution may be from 1.
TOLERANCE = 0.01
# Of the probabilities that are written.
DIGITS = 6


class PredictionCollector:
    """Keeps the predictions of one evaluation: of images with one label each.

    It draws no random numbers, and changes nothing of what it is given.
    """

    def __init__(self) -> None:
        # For each image its path or number, labels and probabilities; None for what
        # is no classification, so that ranks agree on how many there are.
        self._results: list[tuple | None] = []

    def add(self, outputs: Any) -> None:
        """Takes in what ``val_step`` says of a batch."""
        samples = list(outputs)
        self._results += _results_of(samples) or [None] * len(samples)

    def write(self, loader: DataLoader, folder: Path) -> bool:
        """Writes the predictions into a work directory; all ranks must call it.

        Args:
            loader (DataLoader): Of the images.
            folder (Path): See :func:`write_predictions`.

        Returns:
            bool: On rank 0 whether there are any that could be written.
        """
        data = loader.dataset
        # Without the images that a sampler repeats to give each rank as many.
        results = collect_results(self._results, len(data), 'cpu')
        self._results = []
        return bool(_write(results, data, folder))


@master_only
def _write(results: Sequence[tuple | None], data: Dataset, folder: Path) -> bool:
    # How many classes there are is the last of each.
    numbers = {of and of[-1] for of in results}
    if len(numbers) != 1 or None in numbers:
        return False
    (number,) = numbers
    named = list((getattr(data, 'metainfo', None) or {}).get('classes') or ())
    classes = unique_names(named if len(named) == number else range(number))
    roots = list(_roots(data))
    rows = [
        ImagePrediction(
            _relative(image, roots),
            *(classes[label] for label in labels[:2]),
            *(round(p, DIGITS) for p in probabilities[:2]),
            classes[labels[2]],
            round(probabilities[2], DIGITS),
        )
        for image, labels, probabilities, _ in results
    ]
    with going_on():
        write_predictions(folder, rows, classes)
        return True
    return False


@torch.no_grad()
def _results_of(samples: Sequence[Any]) -> list[tuple] | None:
    """Results of images; None if they are no classification with one label."""
    try:
        scores = torch.stack([sample.pred_label.score for sample in samples]).float()
        labels = torch.stack([sample.gt_label.label for sample in samples]).long()
        names = [_name(sample) for sample in samples]
    # Data samples of other tasks, or of several labels, and plain tensors.
    except (AttributeError, RuntimeError, TypeError):
        return None
    scores, labels = scores.cpu(), labels.cpu()
    if scores.ndim != 2 or labels.shape != (len(samples), 1) or scores.shape[1] < 2:
        return None
    is_label = (labels >= 0) & (labels < scores.shape[1])
    # Scores of several labels an image are no distribution.
    if not is_label.all() or not ((scores.sum(1) - 1).abs() < TOLERANCE).all():
        return None
    top, best = scores.topk(2)
    columns = torch.cat([labels, best], 1).tolist()
    own = scores.gather(1, labels)
    values = torch.stack([top[:, 0], own[:, 0], top[:, 1]], 1).tolist()
    number = scores.shape[1]
    return [(*of, number) for of in zip(names, columns, values)]


def _name(sample: Any) -> str:
    """The path of an image, or its number in the data set."""
    return str(sample.get('img_path') or sample.get('sample_idx', ''))


def _roots(data: Any) -> Iterable[str]:
    """The folders of a data set, and of those that it stands around."""
    root = getattr(data, 'data_root', None)
    if root:
        yield os.path.abspath(root)
    for name in INSIDE:
        inner = getattr(data, name, ())
        for part in inner if isinstance(inner, (list, tuple)) else [inner]:
            yield from _roots(part)


def _relative(image: str, roots: Iterable[str]) -> str:
    path = os.path.abspath(image)
    for root in roots:
        if path.startswith(os.path.join(root, '')):
            return os.path.relpath(path, root)
    return image
