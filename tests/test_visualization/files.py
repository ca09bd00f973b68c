"""Work directories written by hand, and pages read back."""

import json
from html.parser import HTMLParser
from pathlib import Path

from mmdsnas.visualization.predictions import ImagePrediction
from mmdsnas.visualization.run_record import RunRecord

VOID = ('meta', 'br', 'link', 'img', 'input')


def write_session(work_dir: Path, name: str, lines, per_epoch=1, **record) -> Path:
    """What one start of a run leaves: its record, and numbers."""
    folder = work_dir / name
    (folder / 'vis_data').mkdir(parents=True)
    text = ''.join(f'{json.dumps(line)}\n' for line in lines)
    (folder / 'vis_data' / 'scalars.json').write_text(text)
    known = dict(begin='2026-01-01T00:00:00', seconds=1, by_epoch=True, start=0)
    known.update(done=0, length=0, per_epoch=per_epoch, plan={}, limits={})
    known.update(facts={}, config='', options={})
    RunRecord(**{**known, **record}).write(folder)
    return folder


def train(step: int, per_epoch: int, **values) -> dict:
    """A line of mmengine's ``LoggerHook``."""
    epoch = (step - 1) // per_epoch + 1
    return dict(**values, epoch=epoch, iter=step, step=step)


def scalars(work_dir: Path) -> list[dict]:
    """All lines of a run with one start, as they are in the file."""
    (file,) = work_dir.glob('*/vis_data/scalars.json')
    return [json.loads(line) for line in file.read_text().splitlines()]


class Page(HTMLParser):
    """A page in pieces: tags with attributes, text, and headings with their levels.

    ``tables`` are rows of cells, head first, by the id of figure or section;
    ``pictures`` the texts of ``<desc>`` by the id of a figure.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags, self.text = [], ''
        self.tables: dict[str, list[list[str]]] = {}
        self.pictures: dict[str, list[str]] = {}
        self.headings: list[tuple] = []
        self._open: list[tuple] = []
        self.feed(text)
        self.close()
        assert not self._open, self._open

    def handle_starttag(self, tag, attrs):
        attrs = dict(attrs)
        self.tags.append((tag, attrs))
        if tag not in VOID:
            self._open.append((tag, attrs.get('id')))
        if tag == 'tr':
            self._table().append([])
        if tag in ('td', 'th'):
            self._table()[-1].append('')
        if tag in ('h1', 'h2', 'h3'):
            self.headings.append((tag, ''))

    def handle_endtag(self, tag):
        assert self._open.pop()[0] == tag

    def handle_data(self, data):
        self.text += data
        tags = [tag for tag, _ in self._open]
        if {'td', 'th'} & set(tags):
            self._table()[-1][-1] += data
        if 'desc' in tags:
            self.pictures.setdefault(self._owner('figure'), []).append(data)
        if tags and tags[-1] in ('h1', 'h2', 'h3'):
            self.headings[-1] = (tags[-1], self.headings[-1][1] + data)

    def _owner(self, *kinds):
        name = next(name for tag, name in self._open[::-1] if tag in kinds)
        return name.removeprefix('figure-')

    def _table(self):
        return self.tables.setdefault(self._owner('figure', 'section'), [])


def page_of(path: Path) -> Page:
    """A page of a report."""
    return Page(path.read_text(encoding='utf-8'))


def columns(table: list[list[str]]) -> dict[str, list[float]]:
    """A table of numbers by the heads of its columns."""
    head, *rows = table
    return {
        name: [float(row[k]) for row in rows if row[k]] for k, name in enumerate(head)
    }


def prediction(*cells) -> ImagePrediction:
    """A line of ``predictions.csv``."""
    return ImagePrediction(*cells)
