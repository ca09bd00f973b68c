"""Skips images that cannot be decoded, up to a limit."""

import logging
import traceback

import cv2
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.dist import get_rank
from mmengine.logging import print_log

from ..errors import CorruptImageError, DataError
from ..utils.options import Natural, checked_options

# The packages that mmcv decodes with.
DECODERS = ('PIL', 'tifffile', 'turbojpeg')


def load_image(loader: LoadImageFromFile, info: dict) -> dict:
    """Loads an image, and tells a corrupt one from any other error.

    Args:
        loader (LoadImageFromFile): mmcv's transform.
        info (dict): With ``img_path``.

    Returns:
        dict: What the transform returns, with ``img`` of shape (H, W, 3).

    Raises:
        CorruptImageError: The content of the file cannot be decoded.
        DataError: There is no such file.
    """
    try:
        loaded = loader(info)
    except FileNotFoundError as error:
        raise DataError(
            f'The image "{info["img_path"]}" is in the list of the data set, but '
            'does not exist: put it there.'
        ) from error
    except Exception as error:
        if not _is_of_a_decoder(error):
            raise
        cause = error
    else:
        if loaded is not None:
            return loaded
        cause = None  # with ignore_empty the transform keeps it to itself
    raise CorruptImageError(
        f'The image "{info["img_path"]}" cannot be decoded with '
        f'{loader.imdecode_backend}'
    ) from cause


def _is_of_a_decoder(error: Exception) -> bool:
    """Whether an image's content, not a file system or an option, is the cause.

    A broken file makes Pillow raise whatever its reader of that format runs
    into (OSError, SyntaxError, struct.error, ValueError, ...), so that the
    place tells more than the type. OpenCV raises ``cv2.error`` for a file
    without content, and else returns None, which mmcv 2.0.1 asserts not to be;
    mmcv 2.0.0, or Python with -O, goes on to an AttributeError.
    """
    if isinstance(error, (AssertionError, cv2.error)):
        return True
    if isinstance(error, AttributeError) and error.name in ('astype', 'shape'):
        return error.obj is None
    *_, (frame, _) = traceback.walk_tb(error.__traceback__)
    return frame.f_globals.get('__name__', '').split('.')[0] in DECODERS


class CorruptImages:
    """Which images were found corrupt, known to all workers of a data set.

    One flag for each image, in shared memory. A flag needs no lock, since
    setting it twice does no harm, and unlike a counter of ``multiprocessing``
    a tensor can be copied along with a data set, which mmengine's Runner does.

    Args:
        length (int): Number of images of the data set.
    """

    def __init__(self, length: int) -> None:
        self._found = torch.zeros(length, dtype=torch.bool).share_memory_()

    def __deepcopy__(self, memo: dict) -> 'CorruptImages':
        other = CorruptImages(0)
        # A copy of a shared tensor is not shared by itself.
        other._found = self._found.clone().share_memory_()
        return other

    def add(self, idx: int) -> bool:
        """Notes that an image is corrupt.

        Args:
            idx (int): Its index.

        Returns:
            bool: Whether this was not known yet.
        """
        known = bool(self._found[idx])
        self._found[idx] = True
        return not known

    def __len__(self) -> int:
        return int(self._found.sum())


class SkipCorruptImagesMixin:
    """Lets a data set of image files go on where one cannot be decoded.

    For a class derived from :class:`mmengine.dataset.BaseDataset`, before
    which it must stand, with :class:`mmcv.transforms.LoadImageFromFile` in its
    pipeline. What that transform cannot decode with OpenCV or Pillow is
    corrupt; any other error, also of another transform, is raised as it is.

    In training the next image takes the place of a corrupt one. It is the same
    one in every run, draws no random number that would change the
    augmentation of later images, and in a list sorted by class is of the same
    class nearly always. Each corrupt image is named in a warning once, and
    counted once, over all data workers and epochs; in a distributed run each
    process counts those that it met.

    In test mode a corrupt image is an error at once: an accuracy over other
    images than those of the data set would be a lie.

    Args:
        *args: Arguments of the data set.
        max_corrupt (int): The number of corrupt images that are skipped
            before one more is an error; with 0 the first one is.
            Defaults to 100.
        **kwargs: Arguments of the data set.

    Raises:
        ConfigError: ``max_corrupt`` is not an allowed value.
    """

    @checked_options
    def __init__(self, *args, max_corrupt: Natural = 100, **kwargs) -> None:
        self.max_corrupt = max_corrupt
        super().__init__(*args, **kwargs)

    @property
    def num_corrupt(self) -> int:
        """Number of corrupt images met so far, by all data workers."""
        return len(self._corrupt)

    def full_init(self) -> None:
        """Lists the images, if that was not done yet."""
        if not self._fully_initialized:
            super().full_init()
            self._corrupt = CorruptImages(len(self))

    def prepare_data(self, idx: int) -> dict | None:
        """Runs the pipeline on an image, or on the next one that is not corrupt.

        Args:
            idx (int): Index of the image.

        Returns:
            dict, optional: What the pipeline returns.

        Raises:
            DataError: The image is corrupt in test mode, or more images are
                than ``max_corrupt``, or all are, or a file is missing.
        """
        for step in range(len(self)):
            place = (idx + step) % len(self)
            try:
                return self._run_pipeline(place)
            except CorruptImageError as error:
                if self.test_mode:
                    raise DataError(
                        f'{error}: no image is skipped in test mode, since the '
                        'accuracy would be that of another data set; replace it.'
                    ) from error
                self._skip(place, error)
        raise DataError(
            f'None of the {len(self)} images of {type(self).__name__} can be '
            f'decoded, "{self.get_data_info(idx)["img_path"]}" for example.'
        )

    def _run_pipeline(self, idx: int) -> dict | None:
        data = self.get_data_info(idx)
        for transform in self.pipeline.transforms:
            if isinstance(transform, LoadImageFromFile):
                data = load_image(transform, data)
            else:
                data = transform(data)
            if data is None:
                return None
        return data

    def _skip(self, idx: int, error: CorruptImageError) -> None:
        if not self._corrupt.add(idx):
            return
        if self.num_corrupt > self.max_corrupt:
            raise DataError(
                f'{error}: with it {self.num_corrupt} image(s) of '
                f'{type(self).__name__} are corrupt, and max_corrupt is '
                f'{self.max_corrupt}.'
            ) from error
        print_log(
            f'{error}: the next one takes its place ({self.num_corrupt} corrupt '
            f'so far, max_corrupt is {self.max_corrupt}).',
            logger='current',
            # mmengine prints nothing below an error on the other ranks, which
            # may be the only ones to meet this image.
            level=logging.WARNING if get_rank() == 0 else logging.ERROR,
        )
