from pathlib import Path
from typing import List, Union

from mmengine.fileio import LocalBackend, register_backend

from mmdsnas.utils.files import write_atomically

NAME = 'mmdsnas.whole_files'


class WholeFileBackend(LocalBackend):
    """mmengine's access to local files, for files that are never in between.

    A file is there whole or not at all, and one that is to be removed stays until
    :meth:`remove_superseded`, when what takes its place has been written.
    """

    def __init__(self) -> None:
        self.superseded: List[str] = []

    def put(self, obj: bytes, filepath: Union[str, Path]) -> None:
        """Writes a file.

        Raises:
            OutputError: It cannot be written.
        """
        with write_atomically(filepath) as temporary:
            temporary.write_bytes(obj)

    def remove(self, filepath: Union[str, Path]) -> None:
        """Notes a file that is to be removed."""
        self.superseded.append(str(filepath))

    def remove_superseded(self) -> None:
        """Removes what was noted, where it still is."""
        for path in self.superseded:
            Path(path).unlink(missing_ok=True)
        self.superseded.clear()


register_backend(NAME, WholeFileBackend, force=True)
