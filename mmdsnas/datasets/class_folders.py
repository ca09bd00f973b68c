"""Which classes and images the folders of an image data set have."""

import os
from pathlib import Path
from typing import Collection, Iterator, NoReturn

from ..errors import ConfigError, DataError
from .utils import held_out

SUFFIXES = ('.jpg', '.jpeg', '.png', '.bmp', '.tif', '.tiff', '.webp', '.ppm')
# Names of the splits' folders, in upper or lower case.
SPLITS = dict(
    train=('train', 'training'),
    val=('val', 'valid', 'validation'),
    test=('test', 'testing'),
)


def find_classes(data_root: str) -> tuple[str, ...]:
    """Finds the classes of an image folder, its ``data_root``.

    Returns:
        tuple[str, ...]: The sorted names of the class folders, of train if there are
        folders of splits.

    Raises:
        ConfigError: ``data_root`` is not set.
        DataError: A folder is missing, or the class folders are not right.
    """
    if not data_root:
        raise ConfigError(
            'data_root of ImageFolder is not set: give the '
            'folder that has one folder of images per class.'
        )
    splits = split_folders(os.path.expanduser(data_root))
    classes, _ = names_in(splits['train'])
    if len(classes) < 2:
        raise DataError(
            f'"{splits["train"]}" must have at least two folders of images, one per '
            f'class, but has {", ".join(classes) or "none"}.'
        )
    for folder in splits.values():
        found, _ = names_in(folder)
        unknown = [name for name in found if name not in classes]
        if unknown or not found:
            raise DataError(
                f'"{folder}" must have class folders, those of "{splits["train"]}" '
                f'alone, but has {", ".join(unknown) or "none"}.'
            )
    return tuple(classes)


def split_folders(data_root: str) -> dict[str, str]:
    """The folders that hold the class folders of ``train``, ``val`` and maybe ``test``.

    Train and val have the same folder where val is drawn from the images of train.

    Raises:
        DataError: There are val or test, but no train, or train alone, or two folders
            for one of them.
    """
    names, found = names_in(data_root)[0], {}
    for split, allowed in SPLITS.items():
        there = [name for name in names if name.lower() in allowed]
        folders = [os.path.join(data_root, name) for name in there]
        # "train" may be a class of vehicles, but then it has images.
        folders = [f for f in folders if names_in(f)[0] or not _has_images(f)]
        if len(folders) > 1:
            raise DataError(
                f'"{data_root}" has the folders {" and ".join(there)}: only one of '
                f'them may be there, which is taken for {split}.'
            )
        if folders:
            found[split] = folders[0]
    if 'train' in found and len(found) > 1:
        return {'train': found['train'], 'val': found['train'], **found}
    for folder in found.values():
        if not _has_images(folder):
            wanted = 'train' if 'train' not in found else 'val or test'
            raise DataError(
                f'"{data_root}" has the folder {os.path.basename(folder)}, but none '
                f'called {wanted}: it must have train, and val or test or both; or '
                'class folders alone, and an image directly in one of that name.'
            )
    return {'train': data_root, 'val': data_root}


def images_of_split(
    data_root: str, split: str, val_ratio: float, left_out: Collection[str] = ()
) -> tuple[dict[str, list[str]], int]:
    """Lists the images of a split; the arguments are those of :class:`ImageFolder`.

    Returns:
        tuple: Sorted paths by class, in the order of :func:`find_classes`, and how
        many images of these folders are in the other split.

    Raises:
        DataError: There is no ``test`` folder, a class has too few images, or a file
            is empty.
    """
    splits = split_folders(data_root)
    if split not in splits:
        raise DataError(
            f'"{data_root}" has no folder {split}, which split of ImageFolder asks for.'
        )
    drawn = split != 'test' and splits['train'] == splits['val']
    gone = {os.path.join(data_root, name) for name in left_out}
    found, others = {}, 0
    for name in find_classes(data_root):
        folder = os.path.join(splits[split], name)
        # Folders other than train may lack classes.
        if not os.path.isdir(folder):
            continue
        paths = _images_of_class(folder, 1 + drawn, gone)
        if drawn:
            mask = held_out(len(paths), val_ratio)
            kept = [path for path, v in zip(paths, mask) if v == (split == 'val')]
            others += len(paths) - len(kept)
            paths = kept
        found[name] = paths
    return found, others


def names_in(folder: str) -> tuple[list[str], list[str]]:
    """Sorted names of the folders and of the files in one, without hidden ones."""
    if not os.path.isdir(folder):
        what = 'is a file' if os.path.exists(folder) else 'does not exist'
        raise DataError(
            f'The folder "{folder}" {what}: data_root must be a folder that has one '
            'folder of images per class; --cfg-options data_root=FOLDER gives it.'
        )
    _, folders, files = next(_walk(folder))
    return sorted(folders), sorted(files)


def list_files(folder: str | Path) -> list[str]:
    """Sorted paths of all files under a folder, without hidden ones.

    Links to folders are not followed. A folder that is not there has no files.

    Raises:
        DataError: A folder may not be read.
    """
    walked = _walk(folder) if os.path.isdir(folder) else ()
    return sorted(os.path.join(place, name) for place, _, ns in walked for name in ns)


def is_image(path: str) -> bool:
    """Whether a file is an image by its ending; one that is hidden is none."""
    name = os.path.basename(path)
    return name[0] != '.' and name.lower().endswith(SUFFIXES)


def list_images(folder: str | Path) -> list[str]:
    """Those of :func:`list_files` that are images by their ending."""
    return list(filter(is_image, list_files(folder)))


def _has_images(folder: str) -> bool:
    return any(map(is_image, names_in(folder)[1]))


def unreadable(error: OSError) -> NoReturn:
    """Raises a ``DataError`` that names a file or a folder."""
    raise DataError(
        f'"{error.filename}" must be readable, but is not: {error.strerror}.'
    ) from error


def _walk(folder: str | Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """As ``os.walk``, but without hidden names and past no unreadable folder."""
    for parent, folders, names in os.walk(folder, onerror=unreadable):
        folders[:] = [name for name in folders if name[0] != '.']
        yield parent, folders, [name for name in names if name[0] != '.']


def _images_of_class(
    folder: str, at_least: int, left_out: Collection[str]
) -> list[str]:
    """Sorted paths of the images that count, with content and enough of them."""
    images = list_images(folder)
    paths = [path for path in images if path not in left_out]
    if len(paths) < at_least:
        broken = len(images) - len(paths)
        raise DataError(
            f'The class folder "{folder}" has {len(paths)} image(s)'
            + (f' besides {broken} that cannot be decoded' if broken else '')
            + f': at least {at_least} with the ending {", ".join(SUFFIXES)} must be '
            'there' + (', one for train and one for val.' if at_least > 1 else '.')
        )
    for path in paths:
        if not (os.path.isfile(path) and os.path.getsize(path)):
            raise DataError(
                f'The image "{path}" is empty or a dead link: replace or remove it.'
            )
    return paths
