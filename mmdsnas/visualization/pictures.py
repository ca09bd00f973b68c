"""A picture of runs with its words, and the table behind it."""

import itertools
from dataclasses import dataclass
from typing import Any, Iterable, List, Optional, Sequence

from .history import Curve
from .svg import Canvas


@dataclass
class Picture:
    """A picture of one run, or of several.

    Attributes:
        name (str): Of its file.
        title (str): A line.
        text (str): What it shows, for those who do not see it.
        canvas (Canvas): The picture.
        head (list[str]): Heads of the columns of its table.
        rows (list[list]): Of its table: numbers, texts, or None for nothing.
    """

    name: str
    title: str
    text: str
    canvas: Canvas
    head: List[str]
    rows: List[List[Any]]


@dataclass
class Section:
    """Pictures under a heading; a paragraph says how to read them."""

    name: str
    title: str
    text: str
    pictures: List[Picture]


def table_of(curves: Iterable[Curve]) -> List[List[Optional[float]]]:
    """A row for each moment in which one of the curves has a value."""
    columns = [dict(zip(*curve)) for curve in curves]
    moments = sorted({at for column in columns for at in column})
    return [[at, *(column.get(at) for column in columns)] for at in moments]


def apart(names: Sequence[str]) -> List[str]:
    """Names of files of which no two are the same: the second ends in ``-2``."""
    found: List[str] = []
    for name in names:
        numbered = (f'{name}-{k}' for k in itertools.count(2))
        found.append(
            next(n for n in itertools.chain([name], numbered) if n not in found)
        )
    return found
