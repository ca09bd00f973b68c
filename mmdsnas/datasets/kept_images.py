"""Images that are decoded once in a run."""

import logging
import shutil
import tempfile
from typing import Literal

from mmcv.transforms import LoadImageFromFile
from mmengine import fileio
from mmengine.logging import print_log

from mmdsnas.registry import TRANSFORMS
from mmdsnas.utils.options import Count, Natural, checked_options
from mmdsnas.utils.words import shown
from .decoding import decode_reduced, decode_whole, jpeg_size
from .shared_images import KeptImage, SharedImages

# Pixels of the short edge that are left by default.
SHORT_EDGE = 256
MIB = 2**20
# Folders that were warned of in this process.
_WARNED: set[str] = set()

_ColorType = Literal[
    'color',
    'color_ignore_orientation',
    'grayscale',
    'grayscale_ignore_orientation',
]


@TRANSFORMS.register_module()
class LoadKeptImage(LoadImageFromFile):
    """Loads an image, decodes it no larger than needed, and keeps its pixels.

    Stands for :class:`mmcv.transforms.LoadImageFromFile`, as the first transform of a
    pipeline. The pixels are kept in a file of the temporary folder (``TMPDIR``) for all
    data workers, also for those of later epochs, until the process that built the
    transform ends. Once ``memory`` is used up, further images are decoded each time. So
    they are where the file cannot be read or written. An image is the same, bit by bit,
    whether it was kept or not.

    The key of an image is its ``img_path``: a file that changes during a run is not
    noticed.

    Args:
        short_edge (int, optional): A JPEG in gray or colour is decoded with its edges
            divided by 8, 4 or 2: by the largest number that leaves the short edge at
            least so many pixels. An image with a short edge below twice of it has the
            pixels of ``LoadImageFromFile``. It should be at least twice the edge of the
            crops, whose smallest parts would be enlarged otherwise. None: never
            reduced. Defaults to 256.
        memory (int): MiB of pixels that are kept at most, of each transform: each data
            set, and each rank of a distributed run, has its own. At most half of what
            is free in the temporary folder is used. 0: nothing is kept. Defaults to
            1024.
        color_type (str): ``'color'`` or ``'grayscale'``; an image is turned as its EXIF
            data say, but not with ``'..._ignore_orientation'``.
        backend_args (dict, optional): Of mmengine's file backend.

    Example:
        >>> train_pipeline = [
        ...     dict(type='mmdsnas.LoadKeptImage', short_edge=256),
        ...     dict(type='mmcls.RandomResizedCrop', scale=96),
        ...     dict(type='mmcls.PackClsInputs'),
        ... ]
    """

    @checked_options
    def __init__(
        self,
        short_edge: Count | None = SHORT_EDGE,
        memory: Natural = 1024,
        color_type: _ColorType = 'color',
        backend_args: dict | None = None,
    ) -> None:
        super().__init__(color_type=color_type, backend_args=backend_args)
        self.short_edge = short_edge
        self.kept = _room_for(memory)

    def transform(self, results: dict) -> dict:
        """Adds ``img``, ``img_shape`` and ``ori_shape`` to ``img_path``.

        ``img`` is an uint8 array of shape (H, W, 3), or (H, W) in gray, that is nobody
        else's; ``ori_shape`` is the size in the file.

        Raises:
            CorruptImageError: The image cannot be decoded.
        """
        path = results['img_path']
        found = self.kept.get(path) if self.kept else None
        if found is None:
            found = self._decoded(path)
            if self.kept:
                self.kept.put(path, found)
        results['img'] = found.img
        results['img_shape'] = found.img.shape[:2]
        results['ori_shape'] = found.ori_shape
        return results

    def _decoded(self, path: str) -> KeptImage:
        content = fileio.get(path, backend_args=self.backend_args)
        if self.short_edge:
            turn = not self.color_type.endswith('ignore_orientation')
            size = jpeg_size(content, turn)
            spare = min(size) // self.short_edge if size else 1
            if spare > 1:
                img, _ = decode_reduced(content, size, spare, self.color_type)
                if img is not None:
                    return KeptImage(img, size)
        img = decode_whole(content, path, self.color_type)
        return KeptImage(img, img.shape[:2])


def _room_for(memory: int) -> SharedImages | None:
    """A place for so many MiB of images, or for as many as the disk lets one have."""
    if not memory:
        return None
    try:
        folder = tempfile.gettempdir()
        free = shutil.disk_usage(folder).free // MIB
        room = min(memory, free // 2)
        if room < memory:
            _warn_once(
                f'memory of LoadKeptImage is {shown(memory)} MiB, but "{folder}" has '
                f'{free} MiB free: {room} MiB of images are kept, others are decoded '
                'each time.',
                about=folder,
            )
        return SharedImages(room * MIB) if room else None
    except OSError as error:
        _warn_once(
            'LoadKeptImage keeps no images, each is decoded in every epoch: '
            f'{error.strerror or error}.',
            about='',
        )
        return None


def _warn_once(sentence: str, about: str) -> None:
    """Warns, however many pipelines there are, once of a folder."""
    if about not in _WARNED:
        _WARNED.add(about)
        print_log(sentence, 'current', logging.WARNING)
