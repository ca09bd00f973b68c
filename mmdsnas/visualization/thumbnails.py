"""Small pictures of images, within a page."""

import base64
from pathlib import Path

import cv2

from mmdsnas.datasets.decoding import decode

EDGE = 96
_QUALITY = (cv2.IMWRITE_JPEG_QUALITY, 80)


def thumbnail(path: Path) -> str | None:
    """A JPEG of an image as a data URI, turned as its EXIF data say.

    It has at most 96 pixels an edge, and none of the data that a camera writes.
    None stands for a file that is gone, or cannot be decoded.
    """
    try:
        image = decode(path.read_bytes())
    # A name with a zero byte is no path.
    except (OSError, ValueError):
        return None
    if image is None:
        return None
    height, width = image.shape[:2]
    scale = min(EDGE / max(height, width), 1)
    size = max(round(scale * width), 1), max(round(scale * height), 1)
    image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    _, content = cv2.imencode('.jpg', image, _QUALITY)
    return f'data:image/jpeg;base64,{base64.b64encode(content).decode()}'
