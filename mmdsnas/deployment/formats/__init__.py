"""The kinds of files that a child is exported to: a module each."""

import pkgutil
from importlib import import_module
from pathlib import Path

from .child_format import ChildFormat, Run

for _module in pkgutil.iter_modules(__path__):
    import_module(f'{__name__}.{_module.name}')

DEFAULT = 'onnx'
# By the values of --format; the first one is the default.
FORMATS: dict[str, type[ChildFormat]] = {
    kind.name: kind
    for kind in sorted(
        ChildFormat.__subclasses__(), key=lambda kind: (kind.name != DEFAULT, kind.name)
    )
}
# Those that a file in int8 can have.
INT8_FORMATS = [name for name, kind in FORMATS.items() if hasattr(kind, 'quantize')]


def files_of(path: Path) -> list[Path]:
    """The files that an exported one consists of."""
    kinds = {kind.suffix: kind for kind in FORMATS.values()}
    return kinds[path.suffix].files(path)
