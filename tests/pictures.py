"""Small images on disk."""

import struct
import zlib

import cv2
import numpy as np


def write_images(folder, count, shape=(9, 12, 3), start=0):
    """Writes images of one value each, named by their numbers.

    Args:
        folder (Path): Is created.
        count (int): How many.
        shape (tuple): Height, width and, if not grey, channels.
        start (int): The first number.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(start, start + count):
        path = folder / f'{i:03d}.png'
        assert cv2.imwrite(str(path), np.full(shape, i % 256, np.uint8))


def huge_png() -> bytes:
    """A file of a few bytes that claims more pixels than OpenCV takes."""
    chunk = b'IHDR' + struct.pack('>IIBBBBB', 60_000, 60_000, 8, 2, 0, 0, 0)
    length, crc = struct.pack('>I', 13), struct.pack('>I', zlib.crc32(chunk))
    return b'\x89PNG\r\n\x1a\n' + length + chunk + crc
