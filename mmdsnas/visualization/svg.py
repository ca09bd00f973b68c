"""A canvas for pictures that a page shows in its colours and a paper in its own."""

import re
from html import escape
from typing import List, Optional, Sequence, Tuple

# What no XML file may contain.
_CONTROL = re.compile('[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]')
FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'DejaVu Sans', sans-serif"
# A character's mean width, in sizes of the font.
CHARACTER = 0.56

# By name: the colour on light and on dark ground. Those of data are told apart with
# every kind of colour vision (Okabe and Ito).
PALETTE = {
    'ground': ('#ffffff', '#14181d'),
    'ink': ('#1b1f24', '#e8eaed'),
    'muted': ('#5b6570', '#a3adb8'),
    'grid': ('#dde1e6', '#333b44'),
    'shade': ('#f2f4f7', '#1d232a'),
    'c0': ('#0072b2', '#4ba3e3'),
    'c1': ('#d55e00', '#ff8a4c'),
    'c2': ('#009e73', '#2cc295'),
    'c3': ('#cc79a7', '#e39ac4'),
    'c4': ('#e69f00', '#f5b83d'),
    'c5': ('#56b4e9', '#8fd0f8'),
    'c6': ('#8c6d31', '#c5a15a'),
    'c7': ('#7f7f7f', '#a6a6a6'),
}
NUM_COLOURS = 8


def colour(index: int) -> str:
    """The name of a colour for data; the ninth is the first again."""
    return f'c{index % NUM_COLOURS}'


def safe(text: object) -> str:
    """A text for HTML and SVG, in an element or in an attribute."""
    return escape(_CONTROL.sub('\ufffd', str(text)))


def label(name: str) -> str:
    """The attribute that a picture has by its name, and no picture of others."""
    return f'aria-labelledby="{name}-title {name}-text"'


def width_of(text: str, size: float = 12) -> float:
    """About how wide a text is."""
    return CHARACTER * size * len(text)


def shortened(text: str, width: float, size: float = 12) -> str:
    """A text that fits into a width; its end, which tells blocks apart, stays."""
    room = max(int(width / (CHARACTER * size)), 2)
    return text if len(text) <= room else f'…{text[1 - room :]}'


class Canvas:
    """Collects the elements of a picture.

    Every element has a light colour of the palette as an attribute, which is what a
    program for papers reads, and a class, by which a page sets another one.

    Args:
        width (float): Of the picture, in units of which a text is 12 high.
        height (float): Likewise.
    """

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self._parts: List[str] = []

    def path(
        self,
        commands: str,
        stroke: Optional[str] = None,
        fill: Optional[str] = None,
        width: float = 1,
        dash: Optional[str] = None,
        opacity: Optional[float] = None,
        title: Optional[str] = None,
    ) -> None:
        """Adds a path.

        Args:
            commands (str): Its ``d``.
            stroke (str, optional): Name of the line's colour.
            fill (str, optional): Name of the area's colour.
            width (float): Of the line.
            dash (str, optional): Lengths of dashes and gaps.
            opacity (float, optional): Below 1 what is behind shows through.
            title (str, optional): What a pointer that rests on it is told.
        """
        classes = [f's-{stroke}'] * bool(stroke) + [f'f-{fill}'] * bool(fill)
        attributes = [f'd="{commands}"', f'class="{" ".join(classes)}"']
        attributes.append(f'fill="{PALETTE[fill][0] if fill else "none"}"')
        if stroke:
            attributes += [f'stroke="{PALETTE[stroke][0]}"', f'stroke-width="{width}"']
            attributes.append('stroke-linejoin="round"')
        if dash:
            attributes.append(f'stroke-dasharray="{dash}"')
        if opacity is not None:
            attributes.append(f'opacity="{opacity}"')
        inside = f'<title>{safe(title)}</title>' if title else ''
        self._parts.append(f'<path {" ".join(attributes)}>{inside}</path>')

    def rect(self, x: float, y: float, width: float, height: float, fill: str) -> None:
        """Adds a filled rectangle."""
        self.path(f'M{x:.1f} {y:.1f}h{width:.1f}v{height:.1f}h{-width:.1f}z', fill=fill)

    def circle(self, x: float, y: float, radius: float, fill: str) -> None:
        """Adds a filled circle."""
        arc = f'a{radius} {radius} 0 1 0'
        start = f'M{x - radius:.1f} {y:.1f}'
        self.path(f'{start}{arc} {2 * radius} 0{arc} {-2 * radius} 0z', fill=fill)

    def line(
        self,
        points: Sequence[Tuple[float, float]],
        stroke: str,
        width: float = 1,
        dash: Optional[str] = None,
        opacity: Optional[float] = None,
        title: Optional[str] = None,
    ) -> None:
        """Adds a line through points, see :meth:`path`."""
        if points:
            commands = 'M' + 'L'.join(f'{x:.1f} {y:.1f}' for x, y in points)
            self.path(commands, stroke, None, width, dash, opacity, title)

    def text(
        self,
        x: float,
        y: float,
        text: str,
        fill: str = 'ink',
        size: float = 12,
        anchor: str = 'start',
        bold: bool = False,
    ) -> None:
        """Adds a text; ``y`` is its base line."""
        self._parts.append(
            f'<text x="{x:.1f}" y="{y:.1f}" class="f-{fill}" '
            f'fill="{PALETTE[fill][0]}" font-size="{size:g}" text-anchor="{anchor}"'
            + (' font-weight="600"' if bold else '')
            + f'>{safe(text)}</text>'
        )

    def to_svg(self, title: str, text: str, name: str, alone: bool) -> str:
        """The picture.

        Args:
            title (str): Its title.
            text (str): What it shows, for those who do not see it.
            name (str): Its id in the page.
            alone (bool): Whether it is a file of its own, and not a part of a page.
        """
        head = 'xmlns="http://www.w3.org/2000/svg" ' if alone else ''
        size = f'width="{self.width:g}" height="{self.height:g}" ' if alone else ''
        ground = (
            f'<rect width="100%" height="100%" fill="{PALETTE["ground"][0]}"/>'
            if alone
            else ''
        )
        return (
            f'<svg {head}{size}viewBox="0 0 {self.width:g} {self.height:g}" role="img" '
            f'{label(name)} font-family="{safe(FONT)}">'
            f'<title id="{name}-title">{safe(title)}</title>'
            f'<desc id="{name}-text">{safe(text)}</desc>{ground}'
            f'{"".join(self._parts)}</svg>'
        )
