"""What the choice of a child leaves: scores, who competed, and lines of the log."""

import json
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.runner import Runner
from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from mmdsnas.errors import DataError
from mmdsnas.utils.files import going_on, write_atomically
from mmdsnas.visualization.csv_files import write_choice
from mmdsnas.visualization.predictions import Competitor
from .contenders import Contender
from .hooks.utils import algorithm_of, named

SCORES = 'scores.json'
# Of the contenders, as many are logged.
LINES = 12

# By group, in the order of its candidates; and these by the edge of the images.
Scores = dict[str, list[float]]
ScoresBySize = dict[int, Scores]


class _File(TypedDict):
    of: str
    scores: ScoresBySize


def read_scores(file: Path, of: str | None = None) -> ScoresBySize:
    """Reads scores of candidates that an earlier choice measured.

    Args:
        file (Path): ``scores.json``.
        of (str, optional): What they are to be of, see ``mark`` of ``OutputDistance``;
            None: of whatever they are.

    Returns:
        dict: By edge and group; empty where there are none of that.

    Raises:
        DataError: The file cannot be read, or is damaged.
    """
    try:
        found = TypeAdapter(_File).validate_json(file.read_text())
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise DataError(f'{file} cannot be read: {error.strerror or error}.') from error
    except ValidationError as error:
        raise DataError(
            f'{file} is damaged: it has no scores of candidates.'
        ) from error
    return found['scores'] if of in (None, found['of']) else {}


def write_scores(file: Path, of: str, scores: ScoresBySize) -> None:
    """Keeps scores for the choice of another child; a warning if that fails."""
    with going_on(), write_atomically(file) as temporary:
        temporary.write_text(json.dumps(dict(of=of, scores=scores)))


def tell_choice(
    runner: Runner, contenders: list[Contender], winner: Contender, deploy: str
) -> None:
    """Logs who competed, as what, and who won; keeps all of it in ``choice.csv``."""
    algorithm = algorithm_of(runner)
    tried = sorted(
        contenders, key=lambda c: (-len(c.losses), *c.losses[::-1], c.distance)
    )
    rows = [
        Competitor(
            *(c.name, c.input_size, round(c.mflops, 4), round(c.distance, 4)),
            judged=deploy if c.losses else None,
            losses=' '.join(f'{loss:.4f}' for loss in c.losses),
            path=' '.join(c.path.values()),
        )
        for c in tried
    ]
    lines = [
        '  '.join(f'{cell:<20}' for cell in row[:-2]).rstrip()
        for row in [Competitor._fields, *rows[:LINES]]
    ]
    runner.logger.info('\n'.join([f'{len(tried)} networks competed:', *lines]))
    if winner.losses:
        runner.logger.info(f'Losses of held-out images are those in {deploy}.')
    runner.logger.info(
        f'The child is {winner.name} at {winner.input_size} pixels, '
        f'{winner.mflops:.4g} MFLOPs: {named(algorithm, winner.path)}'
    )
    if is_main_process():
        with going_on():
            write_choice(Path(runner.work_dir), rows)
