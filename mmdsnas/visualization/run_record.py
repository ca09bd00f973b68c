"""What a run says of itself while it runs: ``run.json`` beside its numbers."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field, TypeAdapter, ValidationError

from mmdsnas.errors import DataError
from mmdsnas.utils.files import write_atomically
from mmdsnas.utils.options import LARGEST, NonNegative

FILE = 'run.json'


@dataclass
class RunRecord:
    """One start of a run, written when it begins to train, and as it goes on."""

    #: When the training began, in ISO 8601, and how long it took to the last writing.
    begin: str
    seconds: NonNegative
    #: Whether the run counts epochs, or iterations.
    by_epoch: bool
    #: Epochs, or iterations: that were done before, are done, and are to be done.
    start: NonNegative
    done: NonNegative
    length: NonNegative
    #: Iterations of an epoch; 1 if the run counts iterations.
    per_epoch: Annotated[float, Field(ge=1, le=LARGEST)]
    #: Of a search, see ``mmdsnas.subnets.what_is_missing``.
    plan: dict
    #: Limits of a search by measure, in its unit.
    limits: dict
    #: The seed, the device and versions.
    facts: dict
    #: The config as text, and in plain values.
    config: str
    options: dict

    def write(self, folder: Path) -> None:
        """Writes it into the folder of the start, whole; an OutputError if it fails."""
        text = json.dumps(
            asdict(self), default=str, skipkeys=True, indent=1, ensure_ascii=False
        )
        with write_atomically(folder / FILE) as temporary:
            # Names of files may have parts that are no text.
            temporary.write_text(text, encoding='utf-8', errors='replace')

    @classmethod
    def read(cls, file: Path) -> 'RunRecord':
        """Reads a ``run.json``, which may be a file of somebody else.

        Raises:
            DataError: It cannot be read, or is no such record.
        """
        try:
            text = file.read_text(encoding='utf-8', errors='replace')
            return TypeAdapter(cls).validate_json(text, strict=True)
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f'{file} cannot be read: {reason}.') from error
        except ValidationError as error:
            (name, *_), *_ = (found['loc'] or ('JSON',) for found in error.errors())
            raise DataError(f'{file} is damaged: it has no sound {name}.') from error
