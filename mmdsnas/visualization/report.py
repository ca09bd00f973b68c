"""Writes the report of runs: a page, and its pictures as files."""

from pathlib import Path
from typing import Sequence, Union

from mmdsnas.errors import ConfigError
from mmdsnas.utils.files import remove_leftovers, write_atomically
from .album import Album
from .history import read_run
from .page import page

FILE = 'report.html'


def report(
    work_dirs: Union[str, Path, Sequence[Union[str, Path]]],
    out: Union[str, Path, None] = None,
) -> Path:
    """Writes the report of a run, or of several beside each other.

    It is made from the files of the runs alone, whether they are finished or not.

    Args:
        work_dirs (str | Path | Sequence[str | Path]): Work directories of searches
            or of trainings of a child.
        out (str | Path, optional): The page, by default ``report.html``, in the work
            directory of a single run or in the current folder. A folder beside it,
            with its name without ``.html``, gets the pictures as SVG files.

    Returns:
        Path: The page.

    Raises:
        DataError: A work directory is none, or a log in it is damaged.
        ConfigError: A config in it cannot be read, or ``out`` is no HTML file.
        CheckpointError: A child in it is damaged.
        OutputError: Something cannot be written.
    """
    folders = [work_dirs] if isinstance(work_dirs, (str, Path)) else list(work_dirs)
    if not folders:
        raise ConfigError('work_dirs must be at least one folder, but there is none.')
    if out is None:
        out = Path(folders[0] if len(folders) == 1 else '.') / FILE
    out = Path(out)
    if out.suffix != '.html':
        raise ConfigError(f'out must be a file that ends in .html, but is {out}.')
    runs = [read_run(folder) for folder in folders]
    names = _names([run.name for run in runs])
    sections = Album(runs, names).sections()
    folder = out.with_suffix('')
    remove_leftovers(folder)
    for section in sections:
        for picture in section.pictures:
            svg = picture.canvas.to_svg(
                picture.title, picture.text, picture.name, alone=True
            )
            _write(folder / f'{picture.name}.svg', svg)
    _write(out, page(runs, names, sections))
    return out


def _names(names: Sequence[str]) -> Sequence[str]:
    """Names of which no two are the same."""
    if len(set(names)) == len(names):
        return names
    return [f'{k}. {name}' for k, name in enumerate(names, 1)]


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding='utf-8', errors='replace')
