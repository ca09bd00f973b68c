"""The page of a report, one file that asks for nothing else."""

from typing import Any, List, Sequence

from mmdsnas.versions import __version__
from .history import Run
from .pictures import Picture, Section
from .style import style
from .summary import differences, figures, summary
from .svg import safe

# Even what slipped in from a file of the run could not load or run anything.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'"


def page(runs: Sequence[Run], names: Sequence[str], sections: Sequence[Section]) -> str:
    """The whole of a page.

    Args:
        runs (Sequence[Run]): What it reports.
        names (Sequence[str]): What they are called.
        sections (Sequence[Section]): The pictures.
    """
    title = f'Report: {", ".join(names)}'
    links = [('summary', 'Summary'), *((s.name, s.title) for s in sections)]
    links.append(('options', 'Options'))
    contents = ''.join(f'<li><a href="#{n}">{safe(t)}</a></li>' for n, t in links)
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{safe(_POLICY)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<title>{safe(title)}</title>\n<style>\n{style()}</style>\n</head>\n<body>\n'
        f'<header>\n<h1>{safe(title)}</h1>\n{"".join(map(_warning, runs))}'
        f'<nav aria-label="Contents"><ul>{contents}</ul></nav>\n</header>\n<main>\n'
        f'{_summary(runs, names)}{"".join(map(_section, sections))}'
        f'{_options(runs, names)}</main>\n'
        f'<footer>Written by mmdsnas {safe(__version__)} from the files of the run. '
        'The pictures lie as SVG files in the folder beside this page.</footer>\n'
        '</body>\n</html>\n'
    )


def _warning(run: Run) -> str:
    if run.missing is None:
        return ''
    told = f'{run.name} is not finished: {run.missing}.'
    return f'<p class="warning">{safe(told)}</p>\n'


def _summary(runs: Sequence[Run], names: Sequence[str]) -> str:
    parts = ['<section id="summary">\n<h2>Summary</h2>\n']
    if len(runs) == 1:
        numbers = ''.join(
            f'<div><dt>{safe(name)}</dt><dd>{safe(value)}</dd></div>'
            for value, name in figures(runs[0])
        )
        parts.append(f'<dl class="figures">{numbers}</dl>\n' if numbers else '')
    rows = summary(runs)
    parts.append(_words('The run' if len(runs) == 1 else 'The runs', names, rows))
    return ''.join([*parts, '</section>\n'])


def _words(caption: str, names: Sequence[str], rows) -> str:
    """A table of texts with a column for each run."""
    alone = ' one' if len(names) == 1 else ''
    head = ''
    if len(names) > 1:
        cells = ''.join(f'<th scope="col">{safe(name)}</th>' for name in names)
        head = f'<thead><tr><th scope="col"></th>{cells}</tr></thead>'
    body = ''.join(
        f'<tr><th scope="row">{safe(name)}</th>'
        + ''.join(f'<td>{safe(value)}</td>' for value in values)
        + '</tr>\n'
        for name, values in rows
    )
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{safe(caption)}">'
        f'<table class="words{alone}">{head}<tbody>\n{body}</tbody></table></div>\n'
    )


def _section(section: Section) -> str:
    return (
        f'<section id="{section.name}">\n<h2>{safe(section.title)}</h2>\n'
        f'<p class="muted">{safe(section.text)}</p>\n<div class="pictures">\n'
        f'{"".join(map(_figure, section.pictures))}</div>\n</section>\n'
    )


def _figure(picture: Picture) -> str:
    name = f'figure-{picture.name}'
    svg = picture.canvas.to_svg(picture.title, picture.text, name, alone=False)
    head = ''.join(f'<th scope="col">{safe(name)}</th>' for name in picture.head)
    rows = ''.join(f'<tr>{"".join(map(_cell, row))}</tr>\n' for row in picture.rows)
    label = safe(f'{picture.title}, as a table')
    return (
        f'<figure id="{name}">\n<h3>{safe(picture.title)}</h3>\n{svg}\n'
        f'<details><summary>{label}</summary>\n'
        f'<div class="scroll" tabindex="0" role="region" aria-label="{label}"><table>'
        f'<thead><tr>{head}</tr></thead><tbody>\n{rows}</tbody></table></div>'
        '</details>\n</figure>\n'
    )


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return f'<td class="text">{safe(value)}</td>'
    return f'<td>{"" if value is None else format(value, ".6g")}</td>'


def _options(runs: Sequence[Run], names: Sequence[str]) -> str:
    # Of one run they are in a part that is not printed.
    kind = ' class="screen"' if len(runs) == 1 else ''
    parts: List[str] = [f'<section id="options"{kind}>\n<h2>Options</h2>\n']
    if len(runs) > 1:
        rows = differences(runs)
        parts.append('<p class="muted">The options that are not the same.</p>\n')
        if rows:
            parts.append(_words('Options that differ', names, rows))
        else:
            parts.append('<p>There are none.</p>\n')
    for run, name in zip(runs, names):
        if run.config:
            parts.append(
                f'<details><summary>All options of {safe(name)}</summary>\n<div '
                f'class="scroll" tabindex="0" role="region" aria-label="Options">'
                f'<pre>{safe(run.config)}</pre></div></details>\n'
            )
    return ''.join([*parts, '</section>\n'])
