"""Decoding of images that may be broken."""

from typing import Optional

import cv2
import numpy as np


def decode(content: bytes, flag: int = cv2.IMREAD_COLOR) -> Optional[np.ndarray]:
    """Decodes the content of a file.

    Args:
        content (bytes): Of any length.
        flag (int): OpenCV's.

    Returns:
        np.ndarray, optional: As ``cv2.imdecode`` has it; None if that is impossible.
    """
    try:
        return cv2.imdecode(np.frombuffer(content, np.uint8), flag)
    except cv2.error:
        # No content at all, or a header that claims too many pixels.
        return None
