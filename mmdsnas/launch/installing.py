"""A network made by hand that takes the place of a search's choice.

What is killed on its way leaves a work directory that :func:`put_back` and
:func:`install` bring to the same end: the child's file has ``network`` in its ``meta``
from the first moment to the last in which other files may be those of the network.
"""

from pathlib import Path
from typing import Iterable

from mmdsnas.subnets.checkpoint import SUBNET_PTH, SUBNET_YAML, load_checkpoint
from mmdsnas.subnets.child import save_child
from mmdsnas.subnets.metadata import Metadata, meta_of
from mmdsnas.utils.files import write_atomically
from mmdsnas.visualization.csv_files import (
    CLASSES,
    COMPARED,
    CONFUSION,
    PREDICTIONS,
    VALIDATION,
)

TABLES = (PREDICTIONS, CLASSES, CONFUSION)
# What a run leaves of its child beside the child.
FILES = (*TABLES, *(f'{VALIDATION}/{name}' for name in TABLES))


def keep(folder: Path, kept: Path) -> None:
    """Copies the search's choice from its work directory."""
    _copy(folder, kept, (*FILES, COMPARED))
    _save(kept, load_checkpoint(folder / SUBNET_PTH))


def put_back(folder: Path, kept: Path) -> None:
    """Has the search's choice in the work directory again, if another is there."""
    files = [place / SUBNET_PTH for place in (folder, kept)]
    there = all(file.is_file() for file in files)
    if there and 'network' in meta_of(load_checkpoint(files[0])):
        _copy(kept, folder, (*FILES, COMPARED))
        _save(folder, load_checkpoint(files[1]))


def install(folder: Path, source: Path, name: str) -> Metadata:
    """Puts a network in the place of the search's choice, which is in the folder.

    Args:
        folder (Path): The work directory of the search.
        source (Path): That of the network.
        name (str): What it is called.

    Returns:
        Metadata: What its file says of it: that it is of this run, too.
    """
    searched, network = (load_checkpoint(f / SUBNET_PTH) for f in (folder, source))
    own = {k: n for k, n in meta_of(searched).items() if k in ('epoch', 'plan')}
    meta = {**meta_of(network), **own, 'network': name}
    _save(folder, {**network, 'meta': meta})
    _copy(source, folder, FILES)
    return meta


def _save(folder: Path, checkpoint: dict) -> None:
    save_child(checkpoint, folder / SUBNET_PTH, folder / SUBNET_YAML)


def _copy(source: Path, target: Path, names: Iterable[str]) -> None:
    for name in names:
        if (source / name).is_file():
            with write_atomically(target / name) as temporary:
                temporary.write_bytes((source / name).read_bytes())
        else:
            # It would be of another network.
            (target / name).unlink(missing_ok=True)
