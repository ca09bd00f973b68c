"""A figure of matplotlib as an SVG file, and as a part of a page."""

import functools
import io
import re
import warnings
from typing import Callable
from xml.dom import minidom

import numpy as np
from matplotlib import style
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

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
GROUND, INK, MUTED, GRID, SHADE, *COLOURS = (light for light, _ in PALETTE.values())
_NAMES = {light: f'var(--{name})' for name, (light, _) in PALETTE.items()}

# What no XML file may contain, and what breaks a line.
_CONTROL = re.compile('[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]')
_TIP = 'tip: '
_STYLE = {
    'svg.fonttype': 'none',
    'text.parse_math': False,
    'text.color': INK,
    'font.size': 11,
    'font.sans-serif': ['DejaVu Sans'],
    'axes.edgecolor': GRID,
    'axes.labelcolor': MUTED,
    'axes.titlecolor': MUTED,
    'axes.titlesize': 11,
    'axes.titlelocation': 'left',
    'axes.formatter.useoffset': False,
    'axes.axisbelow': True,
    'axes.spines.left': False,
    'axes.spines.right': False,
    'axes.spines.top': False,
    'grid.color': GRID,
    'lines.linewidth': 2,
    'legend.frameon': False,
    'xtick.color': MUTED,
    'xtick.major.size': 0,
    'ytick.color': MUTED,
    'ytick.major.size': 0,
    'path.simplify': False,
}


def text_of(value: object, most: int = 60) -> str:
    """A line for a picture; of a long one the end, which tells blocks apart."""
    text = _CONTROL.sub('\ufffd', str(value))
    return text if len(text) <= most else f'…{text[1 - most :]}'


def tip(text: str) -> str:
    """An id for a part of a figure: what a pointer that rests on it is told."""
    return _TIP + text_of(text, 200)


def label(name: str) -> str:
    """The attribute that a picture has by its name, and no picture of others."""
    return f'aria-labelledby="{name}-title {name}-text"'


def svg_of(
    draw: Callable[[], Figure], name: str, title: str, text: str
) -> tuple[str, str]:
    """Draws a picture; the same one gives the same bytes, whatever style was set.

    ``name`` is another one for each picture of a page; ``text`` is what the picture
    shows, for those who do not see it.

    Returns:
        tuple[str, str]: The text of a file, in light colours, and the element for a
        page, whose colours are those of the page.
    """
    file, unsaid = io.StringIO(), dict.fromkeys(('Creator', 'Date', 'Format', 'Type'))
    with (
        style.context({**_STYLE, 'svg.hashsalt': name}, after_reset=True),
        # The font that measures texts lacks glyphs which the reader's has.
        warnings.catch_warnings(action='ignore'),
    ):
        draw().savefig(file, format='svg', metadata=unsaid)
    root = minidom.parseString(file.getvalue().encode()).documentElement
    # Of a whole page it would be the style.
    for element in root.getElementsByTagName('style'):
        element.parentNode.removeChild(element)
    for group in root.getElementsByTagName('g'):
        if group.getAttribute('id').startswith(_TIP):
            _add_first(group, 'title', group.getAttribute('id').removeprefix(_TIP))
        # Nothing refers to them, and every picture has the same ones.
        if group.hasAttribute('id'):
            group.removeAttribute('id')
    _add_first(root, 'desc', text_of(text, len(text)), f'{name}-text')
    _add_first(root, 'title', text_of(title, len(title)), f'{name}-title')
    lines = root.toxml().replace(
        '<svg ', f'<svg role="img" {label(name)} stroke-linejoin="round" ', 1
    )
    colours = re.compile('#[0-9a-f]{6}')
    named = functools.partial(colours.sub, lambda c: _NAMES.get(c[0], c[0]))
    return lines, re.sub(r'style="[^"]*"', lambda found: named(found[0]), lines)


def pixels_of(draw: Callable[[], Figure], dpi: int = 144) -> np.ndarray:
    """Draws a picture in light colours: RGB, shape ``(height, width, 3)``, uint8."""
    with (
        style.context(_STYLE, after_reset=True),
        warnings.catch_warnings(action='ignore'),
    ):
        figure = draw()
        figure.set(dpi=dpi, facecolor=GROUND)
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
        return np.array(canvas.buffer_rgba())[..., :3]


def _add_first(parent: minidom.Element, kind: str, text: str, name: str = '') -> None:
    element = parent.ownerDocument.createElement(kind)
    if name:
        element.setAttribute('id', name)
    element.appendChild(parent.ownerDocument.createTextNode(text))
    parent.insertBefore(element, parent.firstChild)
