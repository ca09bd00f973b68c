"""A copy of a data set with smaller images."""

import multiprocessing
import os
import shutil
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated

import cv2
import numpy as np
from pydantic import Field

from mmdsnas.errors import DataError
from mmdsnas.utils.options import Count, checked_options
from mmdsnas.utils.progress import progress
from .class_folders import is_image, unreadable
from .decoding import decode

SUFFIX = '.resizing'
RESIZED, COPIED, THERE, CORRUPT = 'resized', 'copied', 'there already', 'corrupt'
# Files between two updates of the progress bar, per process.
CHUNK = 32


@checked_options
def copy_resized(
    source: str | Path,
    target: str | Path,
    short_edge: Count,
    quality: Annotated[int, Field(ge=1, le=100)],
    workers: Count,
) -> dict[Path, str]:
    """Copies a folder, with its images reduced to a short edge.

    Larger images become 8-bit colour images, turned as their EXIF data say.
    Smaller images and all other files, such as annotations, are copied as they are.
    What is in the target already is left alone, so that an interrupted copy can go on.

    Args:
        source, target (str | Path): The folder, and that of the copy.
        short_edge (int): Pixels of the short edge of images that are larger.
        quality (int): Of JPEGs, up to 100.
        workers (int): Number of processes.

    Returns:
        dict[Path, str]: What became of each file of the source: ``RESIZED``,
        ``COPIED`` as it is, ``THERE``, or ``CORRUPT`` and left out.

    Raises:
        DataError: The source is no folder or has no files, the target is in it or no
            folder, or something cannot be read.
    """
    source, target = Path(source), Path(target)
    if not source.is_dir():
        raise DataError(f'The folder to be copied must exist, but {source} does not.')
    if source.resolve() in (target.resolve(), *target.resolve().parents):
        raise DataError(f'The copy must not lie in {source}, but is {target}.')
    if target.is_file():
        raise DataError(f'The copy must be a folder, but {target} is a file.')
    files = [file.relative_to(source) for file in _files(source)]
    if not files:
        raise DataError(f'There are no files in {source}.')
    one = partial(copy_file, source, target, short_edge, quality)
    step = CHUNK * workers
    chunks = [files[i : i + step] for i in range(0, len(files), step)]
    became: list[str] = []
    context = multiprocessing.get_context('spawn')
    with ProcessPoolExecutor(workers, context, cv2.setNumThreads, (1,)) as pool:
        for chunk in progress(chunks, f'Copying {len(files)} files'):
            became += pool.map(one, chunk, chunksize=8)
    return {source / file: what for file, what in zip(files, became)}


def _files(folder: Path) -> list[Path]:
    """All files below a folder, also by links, but for those in a circle."""
    found = []
    for place, folders, names in os.walk(folder, onerror=unreadable, followlinks=True):
        here = Path(place).resolve()
        inner = {name: (here / name).resolve() for name in folders}
        folders[:] = [n for n, path in inner.items() if not here.is_relative_to(path)]
        found += [Path(place, name) for name in names]
    return sorted(found)


def copy_file(
    source: Path, target: Path, short_edge: int, quality: int, file: Path
) -> str:
    """Copies one file, relative to both folders; see :func:`copy_resized`."""
    path, place = source / file, target / file
    if place.exists():
        return THERE
    try:
        content = path.read_bytes()
    except OSError as error:
        unreadable(error)
    became = COPIED
    if is_image(path.name):
        image = decode(content)
        if image is None:
            return CORRUPT
        if min(image.shape[:2]) > short_edge:
            content = _encoded(image, short_edge, path.suffix.lower(), quality)
            became = RESIZED
    place.parent.mkdir(parents=True, exist_ok=True)
    # Whole or not at all; what a kill leaves is written again.
    temporary = place.with_name(place.name + SUFFIX)
    temporary.write_bytes(content)
    shutil.copymode(path, temporary)
    os.replace(temporary, place)
    return became


def _encoded(image: np.ndarray, short_edge: int, suffix: str, quality: int) -> bytes:
    height, width = image.shape[:2]
    scale = short_edge / min(height, width)
    size = [max(short_edge, round(scale * n)) for n in (width, height)]
    # The mean of what becomes a pixel.
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality] if suffix in ('.jpg', '.jpeg') else []
    return cv2.imencode(suffix, image, options)[1].tobytes()
