"""JPEGs that take a decoder as long as photographs do."""

from pathlib import Path

import cv2
import numpy as np

# About 115 KB at 500 x 375, ImageNet's mean.
QUALITY = 92


def picture(seed: int, size: tuple[int, int]) -> np.ndarray:
    """Makes an image with the spectrum of natural ones, and edges.

    Args:
        seed (int): Every seed gives another one.
        size (tuple[int, int]): Width and height in pixels.

    Returns:
        np.ndarray: Shape (height, width, 3), uint8. Amplitudes fall as 1 / frequency
        (Field, 1987), colours vary less than brightness, and ten shapes lie before
        one another.
    """
    width, height = size
    random = np.random.default_rng(seed)
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width))
    frequency[0, 0] = np.inf
    noise = np.fft.rfft2(random.normal(size=(3, height, width))) / frequency
    bright, *colours = np.fft.irfft2(noise, (height, width))
    bright, first, second = (part / part.std() for part in (bright, *colours))
    image = 118 + 38 * bright[..., None] + 8 * np.stack([first, 0 * first, second], -1)
    for _ in range(10):
        center, axes = random.uniform(0, size), random.uniform(0.03, 0.3, 2) * size
        mask = np.zeros((height, width), np.uint8)
        angle = random.uniform(0, 180)
        middle, radii = tuple(map(int, center)), tuple(map(int, axes))
        cv2.ellipse(mask, middle, radii, angle, 0, 360, 1, -1)
        image[mask == 1] += random.normal(scale=30, size=3)
    return np.clip(image, 0, 255).astype(np.uint8)


def write_pictures(folder: Path, number: int, size: tuple[int, int]) -> int:
    """Writes pictures as a data set of one class.

    Args:
        folder (Path): Gets ``train/a/NUMBER.JPEG``.
        number (int): How many.
        size (tuple[int, int]): Width and height in pixels.

    Returns:
        int: Mean size of a file in bytes.
    """
    (folder / 'train' / 'a').mkdir(parents=True)
    written = 0
    for i in range(number):
        encoded = cv2.imencode(
            '.jpg', picture(i, size), [cv2.IMWRITE_JPEG_QUALITY, QUALITY]
        )[1].tobytes()
        (folder / 'train' / 'a' / f'{i:04d}.JPEG').write_bytes(encoded)
        written += len(encoded)
    return written // number
