"""What the options of the loading of images may be, see ``declared.py``."""

from typing import Any, Dict

from .checkers import Checker, Choice, Integer, Real
from .containers import Mapping, Maybe


class Range(Checker):
    """A list or tuple of two numbers, the smaller one first.

    Args:
        item (Checker): What each may be.
    """

    def __init__(self, item: Checker) -> None:
        self.item = item

    def allows(self, value: Any) -> bool:
        return (
            isinstance(value, (list, tuple))
            and len(value) == 2
            and all(map(self.item.allows, value))
            and value[0] <= value[1]
        )

    def __str__(self) -> str:
        return f'two numbers, the smaller one first, each {self.item}'


_FILES: Dict[str, Checker] = dict(
    color_type=Choice('color', 'color_ignore_orientation'),
    backend_args=Maybe(Mapping()),
)
LOADING: Dict[str, Dict[str, Checker]] = dict(
    LoadRandomResizedCrop=dict(
        scale=Integer(1),
        crop_ratio_range=Range(Real(above=0, maximum=1)),
        aspect_ratio_range=Range(Real(above=0)),
        **_FILES,
    ),
    LoadResizeEdge=dict(scale=Integer(1), **_FILES),
)
