"""Decoding of images that may be corrupt."""

import io
import traceback

import cv2
import mmcv
import numpy as np
from mmcv.transforms import LoadImageFromFile
from PIL.ExifTags import Base
from PIL.JpegImagePlugin import JpegImageFile

from ..errors import CorruptImageError, DataError

# The packages that mmcv decodes with.
DECODERS = ('PIL', 'tifffile', 'turbojpeg')
# EXIF orientations that swap height and width.
SWAPPED = (5, 6, 7, 8)
# By how much an edge is divided; the largest first.
FLAGS = {
    8: cv2.IMREAD_REDUCED_COLOR_8,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    1: cv2.IMREAD_COLOR,
}


def decode(content: bytes, flag: int = cv2.IMREAD_COLOR) -> np.ndarray | None:
    """Decodes the content of a file as ``cv2.imdecode`` does; None if it cannot."""
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error:
        # No content at all, or a header that claims too many pixels.
        return None


def jpeg_size(content: bytes, turn: bool) -> tuple[int, int] | None:
    """Height and width by the header of a JPEG in gray or RGB; None of other files.

    ``turn`` says whether the decoder turns an image as its EXIF data say.
    """
    try:
        image = JpegImageFile(io.BytesIO(content))
        orientation = image.getexif().get(Base.Orientation) if turn else None
    except Exception:
        # Pillow raises whatever a broken header makes it run into. Without a size the
        # image is decoded whole, which tells what is wrong with it.
        return None
    if image.mode not in ('L', 'RGB'):
        return None
    return image.size if orientation in SWAPPED else image.size[::-1]


def decode_reduced(
    content: bytes, size: tuple[int, int], spare: int, color_type: str = 'color'
) -> tuple[np.ndarray | None, int]:
    """Decodes a JPEG with its edges divided by 8, 4, 2 or 1.

    Args:
        content (bytes): Of the file.
        size (tuple[int, int]): Height and width by its header.
        spare (int): By what they may be divided at most.
        color_type (str): As of mmcv's ``LoadImageFromFile``.

    Returns:
        tuple[np.ndarray | None, int]: The image, None if it cannot be decoded or is of
        another size; and by what its edges are divided.
    """
    factor = next((f for f in FLAGS if f <= spare), 1)
    flag = FLAGS[factor]
    if color_type.startswith('grayscale'):
        flag &= ~cv2.IMREAD_COLOR
    if color_type.endswith('ignore_orientation'):
        flag |= cv2.IMREAD_IGNORE_ORIENTATION
    img = decode(content, flag)
    if img is not None and img.shape[:2] != tuple(-(-edge // factor) for edge in size):
        img = None
    return img, factor


def decode_whole(content: bytes, path: str, color_type: str = 'color') -> np.ndarray:
    """Decodes the content of a file as mmcv's ``LoadImageFromFile`` does.

    Raises:
        CorruptImageError: It cannot be decoded.
    """
    img = mmcv.imfrombytes(content, flag=color_type, backend='cv2')
    if img is None:
        raise CorruptImageError(f'The image "{path}" cannot be decoded with cv2')
    return img


def load_image(loader: LoadImageFromFile, info: dict) -> dict:
    """Loads the image of ``info['img_path']``; tells a corrupt one from other errors.

    Returns:
        dict: What mmcv's transform returns, with ``img`` of shape (H, W, 3).

    Raises:
        CorruptImageError: The content of the file cannot be decoded.
        DataError: There is no such file.
    """
    try:
        loaded, cause = loader(info), None
    except FileNotFoundError as error:
        raise DataError(
            f'The image "{info["img_path"]}" is in the list of the data set, but '
            'does not exist: put it there.'
        ) from error
    except Exception as error:
        # Pillow raises whatever its reader of a format runs into, so that the place
        # tells more than the type. OpenCV raises cv2.error for an empty file and else
        # returns None, which mmcv asserts that it does not.
        *_, (frame, _) = traceback.walk_tb(error.__traceback__)
        of_decoder = frame.f_globals.get('__name__', '').split('.')[0] in DECODERS
        if not (of_decoder or isinstance(error, (AssertionError, cv2.error))):
            raise
        loaded, cause = None, error
    # With ignore_empty the transform returns None.
    if loaded is None:
        raise CorruptImageError(
            f'The image "{info["img_path"]}" cannot be decoded with '
            f'{loader.imdecode_backend}'
        ) from cause
    return loaded
