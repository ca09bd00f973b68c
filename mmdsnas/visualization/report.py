"""Writes the report of runs: a page, and its pictures as files."""

from pathlib import Path
from typing import Any, Container, Dict, List, Sequence, Union

from mmdsnas.errors import ConfigError, OutputError
from mmdsnas.utils.files import check_writable, remove_leftovers, write_atomically
from mmdsnas.versions import __version__
from .history import Run, check_work_dir, read_run
from .summary import differences, key_figures, summary

# Of a run, in its work directory; of several, in the current folder, which may be
# the work directory of one.
FILE, COMPARISON = 'report.html', 'comparison.html'
TITLES = dict(
    child='The child',
    training='Accuracy and loss',
    blocks='Probabilities and rewards of the blocks',
    search='Entropy and cost',
)


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
    # matplotlib and jinja2 are needed here alone.
    from .figures import ReportFigures

    pictures = ReportFigures(runs, names).sections()
    remove_leftovers(beside)
    sections: Dict[str, List[Any]] = {}
    for part, of_part in pictures.items():
        drawn = [(picture, picture.svg()) for picture in of_part]
        for picture, (file, _) in drawn:
            _write(beside / f'{picture.name}.svg', file)
        sections[part] = [(picture, inline) for picture, (_, inline) in drawn]
    _write(out, _page(runs, names, sections))
    kept = {picture.name for of_part in pictures.values() for picture in of_part}
    _remove_others(beside, kept)
    return out


def _page(runs: Sequence[Run], names: Sequence[str], sections: Dict[str, Any]) -> str:
    from jinja2 import Environment, FileSystemLoader

    from .svg import PALETTE

    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        trim_blocks=True,
    )
    return environment.get_template('report.html.jinja').render(
        title=f'Report: {", ".join(names)}',
        runs=runs,
        names=names,
        sections=sections,
        titles=TITLES,
        palette=list(PALETTE.items()),
        summary=summary,
        key_figures=key_figures,
        differences=differences,
        version=__version__,
    )


def _remove_others(folder: Path, names: Container[str]) -> None:
    """Removes the pictures of an earlier report, and no file of somebody else."""
    from .svg import label

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
