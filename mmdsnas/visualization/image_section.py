"""The part of a report about the images: what the child makes of each."""

from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, NamedTuple, Sequence

import numpy as np

from .class_accuracy import (
    ClassAccuracy,
    Confusion,
    accuracy_of,
    accuracy_of_classes,
    confusion_matrix,
    most_confused,
    most_unsure,
    most_wrong,
    worst_first,
)
from .history import Run
from .predictions import (
    CHILD,
    SEARCHED,
    WHOLE,
    ComparedNetwork,
    ImagePrediction,
    unique_names,
)
from .summary import flat
from .thumbnails import thumbnail

# Classes that a matrix on a page has room for.
MOST_CLASSES = 20


class ShownImage(NamedTuple):
    """A prediction, and the image as a data URI; None where it is gone."""

    row: ImagePrediction
    picture: str | None


@dataclass
class ImageSection:
    """What the page shows of the images."""

    #: Whose images they are, ``'test'`` or ``'val'``.
    data: str
    whole: ClassAccuracy
    #: The worst first.
    classes: list[ClassAccuracy]
    #: Names and numbers of images by true and predicted class; none of many classes.
    names: list[str]
    matrix: list[list[int]]
    pairs: list[Confusion]
    wrong: list[ShownImage]
    unsure: list[ShownImage]
    #: The child first; only it, if there is nothing to compare it with.
    networks: list[tuple[ComparedNetwork, ClassAccuracy]]
    advice: list[str]
    #: How the child was decided on, see :func:`decision`.
    decision: str


def image_section(run: Run) -> ImageSection | None:
    """Gathers what is to be shown of the images of a run; None without predictions."""
    rows = run.predictions
    if not rows:
        return None
    told = sorted({name for row in rows for name in (row.true, row.predicted)})
    names = list(dict.fromkeys([*unique_names(run.child.classes), *told]))
    matrix, folders = confusion_matrix(rows, names), image_folders(run)
    is_small = len(names) <= MOST_CLASSES
    whole = accuracy_of('all', int(np.trace(matrix)), len(rows))
    costs = [run.child.costs.get(key) for key in ('mflops', 'mparams')]
    size, percent = run.child.input_size, whole.accuracy
    child = ComparedNetwork(CHILD, size, *costs, percent, len(rows))
    # Its own row in the file is of the same images.
    for own in (n for n in run.compared if n.is_the(CHILD)):
        child = child._replace(network=own.network, validation=own.validation)
    others = [n for n in run.compared if not n.is_the(CHILD)]
    return ImageSection(
        data=run.child.predicted_on,
        whole=whole,
        classes=worst_first(accuracy_of_classes(rows, names)),
        names=names if is_small else [],
        matrix=matrix.tolist() if is_small else [],
        pairs=[] if is_small else most_confused(matrix, names),
        wrong=[shown_image(row, folders) for row in most_wrong(rows)],
        unsure=[shown_image(row, folders) for row in most_unsure(rows)],
        networks=[(n, accuracy_of_network(n)) for n in (child, *others)],
        advice=better_networks(child, others),
        decision=decision([child, *others]),
    )


def accuracy_of_network(network: ComparedNetwork) -> ClassAccuracy:
    """The accuracy of a network with its interval, by a whole number of images."""
    correct = round(network.accuracy * network.images / 100)
    return accuracy_of(network.network, correct, network.images)


def better_networks(
    child: ComparedNetwork, networks: Iterable[ComparedNetwork]
) -> list[str]:
    """A sentence for each network that is better at no more MFLOPs than the child.

    Of those that were judged by the validation no test is asked any more; of the whole
    network as it was tuned nothing is left to be taken.
    """
    own, sentences = accuracy_of_network(child), []
    others = (n for n in networks if n.validation is None and not n.is_the(WHOLE))
    for network in others:
        found = accuracy_of_network(network)
        known = None not in (network.mflops, child.mflops)
        if known and network.mflops <= child.mflops and found.accuracy > own.accuracy:
            cheaper = network.mflops < child.mflops
            words = 'cheaper' if cheaper else 'no more expensive'
            words = (
                f'{network.network} was better ({found.accuracy:.1f} against '
                f'{own.accuracy:.1f} %) and {words} ({network.mflops:.3g} against '
                f'{child.mflops:.3g} MFLOPs): take it.'
            )
            if found.lower <= own.upper:
                words += ' The intervals overlap: on other images it may be otherwise.'
            sentences.append(words)
    return sentences


def decision(networks: Iterable[ComparedNetwork]) -> str:
    """How the child was decided on by the validation; empty where nothing was."""
    judged = [n for n in networks if n.validation is not None]
    child = next((n for n in judged if n.is_the(CHILD)), None)
    others = [n for n in judged if n is not child]
    if child is None or not others:
        return ''
    searched = next((n for n in others if n.is_the(SEARCHED)), None)
    rival = searched or max(others, key=lambda n: n.validation)
    what = SEARCHED
    if searched is not None:
        what = f'{child.network[len(CHILD) + 2 : -1]}, a network made by hand'
    return (
        f'The child is {what}: of the networks within one standard error of the best '
        f'on the validation images it has the fewest MFLOPs. There {rival.network} '
        f'differs from it by {rival.difference:+.1f} points (standard error '
        f'{rival.standard_error:.1f}).'
    )


def image_folders(run: Run) -> list[Path]:
    """The folders that paths of images may be relative to."""
    loader, options = f'{run.child.predicted_on}_dataloader.', flat(run.record.options)
    roots = [
        value
        for name, value in options.items()
        if name.startswith(loader) and name.endswith('.data_root')
    ]
    # The whole path, where that of the config is a relative one.
    roots.append(options.get('own_images.found.folder'))
    return [Path(root).expanduser() for root in roots if isinstance(root, str)]


def shown_image(row: ImagePrediction, folders: Sequence[Path]) -> ShownImage:
    """A prediction with its image, if that is still in one of the folders."""
    pictures = (thumbnail(folder / row.image) for folder in folders)
    return ShownImage(row, next(filter(None, pictures), None))
