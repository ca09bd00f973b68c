"""Writes the report of runs: a page, and its pictures as files."""

import itertools
from pathlib import Path
from typing import Container, Sequence

import numpy as np
from jinja2 import Environment, FileSystemLoader

from mmdsnas.errors import ConfigError, OutputError
from mmdsnas.models.cost import COSTS
from mmdsnas.utils.files import check_writable, remove_leftovers, write_atomically
from mmdsnas.versions import __version__
from .figures import ReportFigures
from .history import check_work_dir, read_run
from .image_section import image_section
from .summary import differences, key_figures, summary
from .svg import PALETTE, label, pixels_of, svg_of

# Of a run, in its work directory; of several, in the current folder, which may be
# the work directory of one.
FILE, COMPARISON = 'report.html', 'comparison.html'
TEMPLATE = 'report.html.jinja'
# Of those that competed for being the child, so many are shown.
COMPETITORS = 15


def report(
    work_dirs: str | Path | Sequence[str | Path], out: str | Path | None = None
) -> Path:
    """Writes the report of a run, or of several beside each other.

    It is made from the files of the runs alone, whether they are finished or not.

    Args:
        work_dirs (str | Path | Sequence): Work directories of searches or of
            trainings of a child.
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
    names = [run.name for run in runs]
    if len(set(names)) < len(names):
        names = [f'{k}. {name}' for k, name in enumerate(names, 1)]
    sections = ReportFigures(runs, names).sections()
    remove_leftovers(beside)
    svgs = {}
    for picture in itertools.chain(*sections.values()):
        name = picture.name
        file, svgs[name] = svg_of(picture.draw, name, picture.title, picture.text)
        _write(beside / f'{name}.svg', file)
    # What a file of a run says is text, whatever it is.
    loader = FileSystemLoader(Path(__file__).parent)
    page = Environment(loader=loader, autoescape=True, trim_blocks=True)
    tables = dict(summary=summary, key_figures=key_figures, differences=differences)
    told = dict(
        title=f'Report: {", ".join(names)}', palette=PALETTE, version=__version__
    )
    drawn = dict(runs=runs, names=names, sections=sections, svgs=svgs)
    # Those of several runs would be too many to look at.
    single = runs[0] if len(runs) == 1 else None
    drawn['images'] = single and image_section(single)
    drawn['choice'] = single and single.choice[:COMPETITORS]
    front = single.front if single else []
    drawn['front'] = [
        dict(row._asdict(), report=(Path(row.file).parent / FILE).as_posix())
        for row in front
    ]
    drawn['costs'] = [
        cost
        for cost in COSTS.values()
        if any(row.costs.get(cost.key) is not None for row in front)
    ]
    _write(out, page.get_template(TEMPLATE).render(**told, **drawn, **tables))
    _remove_others(beside, svgs)
    return out


def pictures_of(work_dir: str | Path) -> dict[str, np.ndarray]:
    """The pictures of a run's report by name: RGB, ``(height, width, 3)``, uint8.

    Raises:
        DataError: The work directory is none, or nothing in it can be read.
    """
    run = read_run(work_dir)
    sections = ReportFigures([run], [run.name]).sections()
    pictures = itertools.chain(*sections.values())
    return {picture.name: pixels_of(picture.draw) for picture in pictures}


def _remove_others(folder: Path, names: Container[str]) -> None:
    """Removes the pictures of an earlier report, and no file of somebody else."""
    paths = [path for path in folder.glob('*.svg') if path.is_file()]
    for path in [path for path in paths if path.stem not in names]:
        try:
            text = path.read_text(encoding='utf-8', errors='replace')
            if label(path.stem) in text[:1000]:
                path.unlink()
        except OSError as error:
            raise OutputError(
                f'{path} of an earlier report cannot be removed: '
                f'{error.strerror or error}.'
            ) from error


def _write(path: Path, text: str) -> None:
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding='utf-8', errors='replace')
