"""Files that would run something if they were trusted."""

import os
from pathlib import Path
from typing import Any

import torch


class Call:
    """Whoever unpickles it calls a function."""

    def __init__(self, function, *args) -> None:
        self.call = function, args

    def __reduce__(self):
        return self.call


class Payload(Call):
    """Leaves a mark where it ran.

    Args:
        mark (Path): The folder that it makes.
    """

    def __init__(self, mark: Path) -> None:
        super().__init__(os.mkdir, str(mark))
        self.mark = mark

    def in_file(self, path: Path, **content: Any) -> Path:
        """Saves a checkpoint that holds it."""
        torch.save(dict(content, payload=self), path)
        return path

    def ran(self) -> bool:
        """Whether it ran since this was asked last."""
        ran = self.mark.exists()
        if ran:
            self.mark.rmdir()
        return ran
