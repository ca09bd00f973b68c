"""Predictions of a run, and what follows from them, as CSV files in its folder."""

import csv
import io
from pathlib import Path
from typing import Any, Callable, Iterable, NamedTuple, Sequence, TypeVar

from pydantic import TypeAdapter, ValidationError

from mmdsnas.errors import DataError
from mmdsnas.models.cost import COSTS
from mmdsnas.utils.files import write_atomically
from .class_accuracy import accuracy_of_classes, confusion_matrix
from .predictions import ComparedNetwork, Competitor, FrontRow, ImagePrediction

PREDICTIONS, CLASSES = 'predictions.csv', 'classes.csv'
CONFUSION, COMPARED, CHOICE = 'confusion.csv', 'compared.csv', 'choice.csv'
FRONT = 'front.csv'
# A folder with the first three of the validation, where there are those of a test.
VALIDATION = 'validation'
# Names of files may have bytes that are no text, and line breaks.
_TEXT = dict(encoding='utf-8', errors='surrogatepass', newline='')

Row = TypeVar('Row', bound=NamedTuple)


def write_predictions(
    folder: Path, rows: Sequence[ImagePrediction], classes: Sequence[str]
) -> None:
    """Writes predictions, and what follows from them of the classes, as CSV files.

    Args:
        folder (Path): The work directory.
        rows (Sequence[ImagePrediction]): One for each image.
        classes (Sequence[str]): All classes, each by another name.
    """
    by_class = [
        [of.name, of.images, *('' if n is None else f'{n:.2f}' for n in of[2:])]
        for of in accuracy_of_classes(rows, classes)
    ]
    matrix = confusion_matrix(rows, classes)
    counts = [[name, *of.tolist()] for name, of in zip(classes, matrix)]
    head = ['class', 'images', 'accuracy', 'lower', 'upper']
    _write(folder / CLASSES, head, by_class)
    _write(folder / CONFUSION, ['true \\ predicted', *classes], counts)
    _write(folder / PREDICTIONS, ImagePrediction._fields, rows)


def read_predictions(folder: Path) -> list[ImagePrediction]:
    """Reads ``predictions.csv``; nothing where there is none.

    Raises:
        DataError: It cannot be read, or is damaged.
    """
    return _read(folder / PREDICTIONS, ImagePrediction)


def read_compared(folder: Path) -> list[ComparedNetwork]:
    """Reads ``compared.csv``; nothing where there is none.

    Raises:
        DataError: It cannot be read, or is damaged.
    """
    return _read(folder / COMPARED, ComparedNetwork)


def write_choice(folder: Path, rows: Sequence[Competitor]) -> None:
    """Writes who competed for being the child, the winner first."""
    _write(folder / CHOICE, Competitor._fields, rows)


def read_choice(folder: Path) -> list[Competitor]:
    """Reads ``choice.csv``; nothing where there is none.

    Raises:
        DataError: It cannot be read, or is damaged.
    """
    return _read(folder / CHOICE, Competitor)


def write_front(folder: Path, rows: Iterable[FrontRow]) -> None:
    """Writes the children of several limits, in the order of the rows."""
    rows, known = list(rows), FrontRow._fields
    place = known.index('costs')
    # Those that nothing has been measured of have a column, too.
    keys = [cost.key for cost in COSTS.values()]
    lines = [
        _short([*row[:place], *map(row.costs.get, keys), *row[place + 1 :]])
        for row in rows
    ]
    _write(folder / FRONT, [*known[:place], *keys, *known[place + 1 :]], lines)


def read_front(folder: Path) -> list[FrontRow]:
    """Reads ``front.csv``; nothing where there is none.

    Raises:
        DataError: It cannot be read, or is damaged.
    """
    keys = [cost.key for cost in COSTS.values()]

    def with_costs(cells: dict[str, str]) -> dict[str, Any]:
        return {**cells, 'costs': {key: cells.get(key) or None for key in keys}}

    return _read(folder / FRONT, FrontRow, with_costs)


def write_compared(folder: Path, networks: Iterable[ComparedNetwork]) -> None:
    """Writes ``compared.csv`` into a work directory."""
    _write(folder / COMPARED, ComparedNetwork._fields, map(_short, networks))


def _short(row: Iterable[Any]) -> list[Any]:
    # Metrics are float32, which has no more digits.
    return [f'{cell:.7g}' if isinstance(cell, float) else cell for cell in row]


def _write(path: Path, head: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    with write_atomically(path) as temporary:
        with temporary.open('w', **_TEXT) as file:
            csv.writer(file).writerows([head, *rows])


def _read(
    path: Path,
    kind: type[Row],
    gathered: Callable[[dict[str, str]], dict[str, Any]] = dict,
) -> list[Row]:
    adapter, rows, line = TypeAdapter(kind), [], 1
    try:
        with path.open(**_TEXT) as file:
            text = file.read()
        # A table program may have put a mark of its order of bytes first.
        told = csv.DictReader(io.StringIO(text.removeprefix('\ufeff'), newline=''))
        for cells in told:
            line = told.line_num
            cells = gathered(cells)
            row = kind(*(cells.get(name) or None for name in kind._fields))
            rows.append(adapter.validate_python(row))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise DataError(f'{path} cannot be read: {error.strerror or error}.') from error
    except ValidationError as error:
        name = error.errors()[0]['loc'][0]
        raise DataError(
            f'{path} is damaged: line {line} has no sound {name}.'
        ) from error
    except (ValueError, csv.Error) as error:
        raise DataError(f'{path} is damaged: it is no table as CSV.') from error
    return rows
