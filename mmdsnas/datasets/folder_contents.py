"""Scans a folder of images before a search: what is there, what cannot be used."""

import os
import statistics
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Iterator, NamedTuple

import cv2
from cv2.utils import logging

from ..errors import DataError
from ..utils.progress import progress
from .class_folders import (
    find_classes,
    images_of_split,
    is_image,
    list_files,
    names_in,
    split_folders,
)
from .decoding import decode

# Why files are left out: they cannot be decoded, have another ending than that of an
# image, or are beside the class folders.
BROKEN, NO_IMAGE, IN_NO_CLASS = 'broken', 'no_image', 'in_no_class'
# Images between two updates of the progress bar.
CHUNK = 256


class FolderContents(NamedTuple):
    """What a folder of images holds."""

    #: By split, the number of images of each class that can be decoded.
    images: dict[str, dict[str, int]]
    #: By split, the name of its folder; none where it is drawn from another split.
    folders: dict[str, str]
    #: By reason, the files that are not used, relative to the folder.
    left_out: dict[str, list[str]]
    #: Number of images by their channels without transparency: 1 is grey, 3 colour.
    channels: dict[int, int]
    #: Medians of the images' heights and widths, pixels.
    size: tuple[int, int]


def scan_folder(data_root: str, val_ratio: float) -> FolderContents:
    """Decodes every image of a folder once.

    That takes about as long as the decoding in one epoch of training. The arguments
    are those of :class:`ImageFolder`.

    Raises:
        ConfigError: ``data_root`` is not set.
        DataError: A folder is missing, or a class has too few images that can be
            decoded.
    """
    classes = find_classes(data_root)
    data_root = os.path.expanduser(data_root)
    splits = split_folders(data_root)
    counts = Counter(splits.values())
    inside = [os.path.join(data_root, name) for name in names_in(data_root)[0]]
    beside = [] if data_root in counts else [f for f in inside if f not in counts]
    beside += [os.path.join(f, name) for f in counts for name in names_in(f)[1]]
    folders = [os.path.join(folder, name) for folder in counts for name in classes]
    files = [path for folder in folders for path in list_files(folder)]
    images = list(filter(is_image, files))
    shapes = list(_shapes(images))
    broken = [path for path, shape in zip(images, shapes) if shape is None]
    if images and len(broken) == len(images):
        raise DataError(
            f'None of the {len(images)} images in "{data_root}" can be decoded, '
            f'"{images[0]}" for example.'
        )
    others = [path for path in files if not is_image(path)]
    reasons = {BROKEN: broken, NO_IMAGE: others, IN_NO_CLASS: beside}
    left_out = {
        reason: [os.path.relpath(path, data_root) for path in paths]
        for reason, paths in reasons.items()
    }
    by_split = {}
    for split in splits:
        found, _ = images_of_split(data_root, split, val_ratio, left_out[BROKEN])
        by_split[split] = {name: len(found.get(name, ())) for name in classes}
    heights, widths, channels = zip(*filter(None, shapes))
    own = {s: os.path.basename(f) for s, f in splits.items() if counts[f] == 1}
    size = round(statistics.median(heights)), round(statistics.median(widths))
    by_channels = dict(sorted(Counter(channels).items()))
    return FolderContents(by_split, own, left_out, by_channels, size)


def _shapes(paths: list[str]) -> Iterator[tuple[int, int, int] | None]:
    """Height, width and channels of each image; None of one that is broken."""
    chunks = [paths[i : i + CHUNK] for i in range(0, len(paths), CHUNK)]
    # OpenCV's words on broken images do not name them.
    level = logging.setLogLevel(logging.LOG_LEVEL_SILENT)
    try:
        # OpenCV decodes without Python's lock.
        with ThreadPoolExecutor(os.cpu_count()) as pool:
            for chunk in progress(chunks, f'Looking at {len(paths)} images'):
                yield from pool.map(_shape, chunk)
    finally:
        logging.setLogLevel(level)


def _shape(path: str) -> tuple[int, int, int] | None:
    try:
        content = Path(path).read_bytes()
    except OSError:
        # A dead link, or a file that may not be read.
        return None
    # As a pipeline decodes it, but that grey has one channel and not three.
    image = decode(content, cv2.IMREAD_ANYCOLOR)
    if image is None:
        return None
    return (*image.shape[:2], 1 if image.ndim == 2 else image.shape[2])
