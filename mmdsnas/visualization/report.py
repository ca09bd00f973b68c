"""Writes the report of runs: a page, and its pictures as files."""

from pathlib import Path
from typing import Container, Sequence, Union

from mmdsnas.errors import ConfigError, OutputError
from mmdsnas.utils.files import check_writable, remove_leftovers, write_atomically
from .album import Album
from .history import check_work_dir, read_run
from .page import page
from .svg import label

# Of a run, in its work directory; of several, in the current folder, which may be
# the work directory of one.
FILE, COMPARISON = 'report.html', 'comparison.html'


def report(
    work_dirs: Union[str, Path, Sequence[Union[str, Path]]],
    out: Union[str, Path, None] = None,
) -> Path:
    """Writes the report of a run, or of several beside each other.

    It is made from the files of the runs alone, whether they are finished or not.

    Args:
        work_dirs (str | Path | Sequence[str | Path]): Work directories of searches
            or of trainings of a child.
        out (str | Path, optional): The page, by default ``report.html`` in the work
            directory of a single run, or ``comparison.html`` in the current folder.
            A folder beside it, with its name without ``.html``, gets the pictures as
            SVG files; those of an earlier report are removed from it.

    Returns:
        Path: The page.

    Raises:
        DataError: A work directory is none, or nothing in it can be read.
        ConfigError: ``out`` is no HTML file.
        OutputError: Something cannot be written, or removed.
    """
    folders = [work_dirs] if isinstance(work_dirs, (str, Path)) else list(work_dirs)
    if not folders:
        raise ConfigError('work_dirs must be at least one folder, but there is none.')
    if out is None:
        out = Path(folders[0]) / FILE if len(folders) == 1 else COMPARISON
    out = Path(out)
    if out.suffix != '.html' or out.is_dir():
        raise ConfigError(f'--out must be a file that ends in .html, but is {out}.')
    for folder in folders:
        check_work_dir(folder)
    beside = out.with_suffix('')
    # Before all the work; the folder of pictures is made where there are any.
    for place in (out.parent, beside) if beside.exists() else (out.parent,):
        check_writable(place, 'the folder of the report (--out)')
    runs = [read_run(folder) for folder in folders]
    names = _names([run.name for run in runs])
    sections = Album(runs, names).sections()
    remove_leftovers(beside)
    pictures = [picture for section in sections for picture in section.pictures]
    for picture in pictures:
        svg = picture.canvas.to_svg(
            picture.title, picture.text, picture.name, alone=True
        )
        _write(beside / f'{picture.name}.svg', svg)
    _write(out, page(runs, names, sections))
    _remove_others(beside, {picture.name for picture in pictures})
    return out


def _remove_others(folder: Path, names: Container[str]) -> None:
    """Removes the pictures of an earlier report, and no file of somebody else."""
    for path in folder.glob('*.svg'):
        if path.stem not in names and path.is_file():
            try:
                with open(path, encoding='utf-8', errors='replace') as file:
                    is_own = label(path.stem) in file.read(1000)
                if is_own:
                    path.unlink()
            except OSError as error:
                raise OutputError(
                    f'{path} of an earlier report cannot be removed: '
                    f'{error.strerror or error}.'
                ) from error


def _names(names: Sequence[str]) -> Sequence[str]:
    """Names of which no two are the same."""
    if len(set(names)) == len(names):
        return names
    return [f'{k}. {name}' for k, name in enumerate(names, 1)]


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding='utf-8', errors='replace')
