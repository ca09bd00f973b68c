"""What the header of a JPEG says of its size, without decoding it."""

import struct
from typing import Iterator, Optional, Tuple

from PIL import Image

_START = b'\xff\xd8'
# Markers of frames: SOF0 to SOF15 without DHT, JPG and DAC, which lie among them.
_FRAMES = set(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_APP1, _SCAN, _FILL = 0xE1, 0xDA, 0xFF
_ORIENTATION = 0x0112
# Orientations in which rows and columns change places.
_TURNED = (5, 6, 7, 8)


def decoded_size(content: bytes, turn: bool) -> Optional[Tuple[int, int]]:
    """Finds the size that an image has when it is decoded.

    Args:
        content (bytes): A file.
        turn (bool): Whether the decoder turns an image as its EXIF data say.

    Returns:
        tuple[int, int], optional: Height and width in pixels; None for what is no
        JPEG, or none with one component (gray) or three (colour).
    """
    turned = False
    for marker, segment in _segments(content):
        if marker in _FRAMES:
            if len(segment) < 6 or segment[5] not in (1, 3):
                return None
            height, width = struct.unpack_from('>HH', segment, 1)
            if not (height and width):  # the height may come after the pixels
                return None
            return (width, height) if turn and turned else (height, width)
        if marker == _APP1:
            turned = turned or _is_turned(segment)
    return None


def _segments(content: bytes) -> Iterator[Tuple[int, bytes]]:
    """Marker and content of each segment before the pixels."""
    if not content.startswith(_START):
        return
    place = len(_START)
    while place + 4 <= len(content) and content[place] == 0xFF:
        marker = content[place + 1]
        if marker == _FILL:
            place += 1
            continue
        if marker == _SCAN:
            return
        (length,) = struct.unpack_from('>H', content, place + 2)
        yield marker, content[place + 4 : place + 2 + length]
        place += 2 + length


def _is_turned(segment: bytes) -> bool:
    """Whether EXIF data swap height and width."""
    if not segment.startswith(b'Exif\0\0'):
        return False
    exif = Image.Exif()
    try:
        exif.load(segment)
    except (SyntaxError, struct.error):  # no EXIF data after all, also for decoders
        return False
    return exif.get(_ORIENTATION) in _TURNED
