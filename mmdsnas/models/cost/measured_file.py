"""A file of what commands measured, written after each measurement."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Any

from pydantic import (
    BaseModel,
    ConfigDict,
    NonNegativeFloat,
    PositiveFloat,
    ValidationError,
)

from mmdsnas.errors import ConfigError
from mmdsnas.utils.files import check_writable, folder_locked, write_atomically


class MeasuredTable(BaseModel):
    """Measured costs of a supernet, as sums of those of its blocks.

    Attributes:
        setting (dict): What they depend on, as plain values.
        blocks (dict[str, dict[str, float]]): By block and candidate.
        fixed_part (float): Of what all paths have in common.
        held_out (list[tuple[float, float]]): Of whole networks that the table is not
            made of: what was measured, and what the table says.
    """

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False)

    setting: dict[str, Any]
    blocks: dict[str, dict[str, NonNegativeFloat]]
    fixed_part: float
    held_out: list[tuple[PositiveFloat, float]]


class Content(BaseModel):
    """What the file holds: tables, and measurements by command and hash of a file."""

    model_config = ConfigDict(extra='forbid', allow_inf_nan=False)

    tables: list[MeasuredTable] = []
    measured: dict[str, dict[str, list[PositiveFloat]]] = {}


class MeasuredFile:
    """What one command measured of files; other commands' measurements stay.

    Args:
        path (str | Path, optional): The file; None: it is kept while this object is.
        command (str): What measured.
    """

    def __init__(self, path: str | Path | None, command: str) -> None:
        self.path = None if path is None else Path(path)
        self.command = command
        self._content = Content()

    def check_writable(self) -> None:
        """Raises an ``OutputError`` before anything is measured in vain."""
        if self.path is not None:
            option = 'the folder of resource_estimator.latency.file'
            check_writable(self.path.parent, option)

    def read(self) -> Content:
        """What is known now.

        Raises:
            ConfigError: The file cannot be read, or is another one.
        """
        if self.path is None:
            return self._content
        try:
            content = Content.model_validate_json(self.path.read_bytes())
        except FileNotFoundError:
            return self._content
        except OSError as error:
            reason = f'cannot be read: {error.strerror}'
        except ValidationError as error:
            reason = f'is another one: {error.errors()[0]["msg"]}'
        else:
            self._content = content
            return content
        raise ConfigError(
            'resource_estimator.latency.file must be a file of what was measured on a '
            f'device, or one that does not exist yet, but {self.path} {reason}.'
        )

    def table(self, setting: dict[str, Any]) -> MeasuredTable | None:
        """The table of a setting, None if there is none."""
        return next((t for t in self.read().tables if t.setting == setting), None)

    def add_table(self, table: MeasuredTable) -> MeasuredTable:
        """Keeps a table beside those of other settings.

        Another process may have been faster: its table is given, for all to have one.
        """
        with self._locked():
            known = self.table(table.setting)
            if known is None:
                self._content.tables.append(table)
                self._write()
        return known or table

    def of(self, name: str) -> list[float]:
        """Measurements of a file, by its hash, in the order in which they were made."""
        return list(self.read().measured.get(self.command, {}).get(name, ()))

    def add(self, name: str, amount: float) -> list[float]:
        """Keeps a measurement, and gives all of this file."""
        with self._locked():
            own = self.read().measured.setdefault(self.command, {})
            own.setdefault(name, []).append(amount)
            self._write()
        return list(own[name])

    def _locked(self) -> AbstractContextManager:
        return nullcontext() if self.path is None else folder_locked(self.path.parent)

    def _write(self) -> None:
        if self.path is not None:
            with write_atomically(self.path) as temporary:
                text = self._content.model_dump_json(indent=1)
                temporary.write_text(f'{text}\n', 'utf-8')
