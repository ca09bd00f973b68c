"""The archive of ``torch.export``."""

import io
import json
from pathlib import Path

import torch
from torch.export import ExportedProgram

from .child_format import METADATA, ChildFormat, Metadata, Run


class Pt2Format(ChildFormat):
    """``torch.export``'s archive, for programs with torch, or compiled ahead of time.

    The metadata are in the extra file ``metadata.json``.
    """

    name = 'pt2'
    suffix = '.pt2'

    def write(self, program: ExportedProgram, path: Path, metadata: Metadata) -> None:
        """See the base class."""
        content = io.BytesIO()
        extra = {METADATA: json.dumps(metadata)}
        torch.export.save(program, content, extra_files=extra)
        path.write_bytes(content.getbuffer())

    def runner(self, path: Path) -> Run:
        """See the base class."""
        # torch asks for the ending .pt2 of a name, which a temporary file lacks.
        return torch.export.load(io.BytesIO(path.read_bytes())).module()
