"""What a kind of file for a child has to do."""

import importlib
from abc import ABC, abstractmethod
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

from torch import Tensor
from torch.export import ExportedProgram

from mmdsnas.errors import ConfigError
from mmdsnas.utils.files import write_atomically

# From a batch of inputs to logits.
Run = Callable[[Tensor], Tensor]
# Plain values by name, kept as JSON.
Metadata = dict[str, Any]

METADATA = 'metadata.json'


class ChildFormat(ABC):
    """A kind of file. A new one is a module of this package with such a class.

    One with a method ``quantize(program, source, target, inputs)`` writes files in
    int8, too.

    Attributes:
        name (str): What ``--format`` calls it.
        suffix (str): Ending of its files.
        second_suffix (str, optional): Ending of a second file that belongs to each.
        packages (Sequence[str]): What it imports beside torch.
        extra (str): That of mmdsnas that brings them.

    Args:
        int8 (bool): Whether it shall write files in int8.

    Raises:
        ConfigError: A package is not installed.
    """

    name: str
    suffix: str
    second_suffix: str | None = None
    packages: tuple[str, ...] = ()
    extra: str = ''

    def __init__(self, int8: bool = False) -> None:
        # By the second file of a temporary one, whose name does not tell it.
        self._seconds: dict[Path, Path] = {}
        for package in self.packages:
            try:
                importlib.import_module(package)
            except ImportError as error:
                raise ConfigError(
                    f'--format {self.name} needs the package {error.name}, which is '
                    f"not installed: pip install 'mmdsnas[{self.extra}]' brings it, "
                    'and --format pt2 needs none.'
                ) from error

    @abstractmethod
    def write(self, program: ExportedProgram, path: Path, metadata: Metadata) -> None:
        """Writes the file of a network.

        Raises:
            ExportError: The network has an operation that the format cannot express.
        """

    @abstractmethod
    def runner(self, path: Path) -> Run:
        """What computes logits by a file, whatever its ending is."""

    @classmethod
    def files(cls, path: Path) -> list[Path]:
        """A file, and the second one that belongs to it."""
        seconds = [path.with_suffix(cls.second_suffix)] if cls.second_suffix else []
        return [path, *seconds]

    def second(self, path: Path) -> Path:
        """The file that belongs to another one, which may be temporary."""
        return self._seconds.get(path) or path.with_suffix(self.second_suffix)

    @contextmanager
    def writing(self, path: Path) -> Iterator[Path]:
        """Writes a file, or two, so that they are there whole or not at all.

        Yields:
            Path: A temporary file, see ``write_atomically``.
        """
        with write_atomically(path) as temporary:
            if self.second_suffix is None:
                yield temporary
                return
            with write_atomically(self.second(path)) as second:
                self._seconds[temporary] = second
                yield temporary
                # Killed between the two, it leaves no file beside a wrong second one.
                path.unlink(missing_ok=True)
