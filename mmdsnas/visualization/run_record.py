"""What a run says of itself while it runs: ``run.json`` beside its numbers."""

import json
import re
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from mmdsnas.errors import DataError
from mmdsnas.subnets.metadata import number
from mmdsnas.utils.files import write_atomically

FILE = 'run.json'
MAX_DEPTH = 200
_BRACKETS = re.compile(r'"(?:[^"\\]|\\.)*"?|[\[{]|[\]}]', re.DOTALL)


@dataclass
class RunRecord:
    """One start of a run, written when it begins to train, and as it goes on.

    Attributes:
        begin (str): When the training began, in ISO 8601.
        seconds (float): From then to the last writing.
        by_epoch (bool): Whether the run counts epochs, or iterations.
        start (float): Epochs, or iterations, that were done before.
        done (float): Those that are done.
        length (float): Those that the run is to have.
        per_epoch (float): Iterations of an epoch; 1 if the run counts iterations.
        plan (dict): Of a search, see ``mmdsnas.subnets.what_is_missing``.
        limits (dict): Limits of a search by measure, in its unit.
        facts (dict): The seed, the device and versions.
        config (str): The config as text.
        options (dict): The same in plain values.
    """

    begin: str
    seconds: float
    by_epoch: bool
    start: float
    done: float
    length: float
    per_epoch: float
    plan: dict
    limits: dict
    facts: dict
    config: str
    options: dict

    def write(self, folder: Path) -> None:
        """Writes it into the folder of the start, whole; an OutputError if it fails."""
        text = json.dumps(asdict(self), default=str, skipkeys=True, indent=1)
        with write_atomically(folder / FILE) as temporary:
            temporary.write_text(text, encoding='utf-8')

    @classmethod
    def read(cls, file: Path) -> 'RunRecord':
        """Reads a ``run.json``, which may be a file of somebody else.

        Raises:
            DataError: It cannot be read, or is no such record.
        """
        try:
            found = parsed(file.read_text(encoding='utf-8', errors='replace'))
        except OSError as error:
            raise DataError(
                f'{file} cannot be read: {error.strerror or error}.'
            ) from error
        for field in fields(cls):
            value = found.get(field.name)
            sound = isinstance(value, field.type)
            if field.type is float:
                least = 1 if field.name == 'per_epoch' else 0
                sound = number(value) is not None and value >= least
            if not sound:
                raise DataError(f'{file} is damaged: it has no sound {field.name}.')
        return cls(**{field.name: found[field.name] for field in fields(cls)})


def parsed(text: str) -> dict:
    """A JSON object; nothing, if a text is none."""
    # MMRazor lifts Python's limit on depth, without which the decoder ends the process.
    depth = 0
    for token in _BRACKETS.finditer(text):
        depth += {'[': 1, '{': 1, ']': -1, '}': -1}.get(token[0], 0)
        if depth > MAX_DEPTH:
            return {}
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
