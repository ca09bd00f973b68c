"""Skips images that cannot be decoded, up to a limit."""

import logging

import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.dist import get_rank
from mmengine.logging import print_log
from torch import Tensor

from ..errors import CorruptImageError, DataError
from ..utils.options import Natural, checked_options
from .decoding import load_image


class SharedFlags:
    """One flag for each image, known to all workers of a data set.

    Setting a flag twice does no harm, so that it needs no lock. mmengine's Runner
    copies a data set, and a copy of a shared tensor is not shared by itself.
    """

    def __init__(self, flags: Tensor) -> None:
        self.flags = flags.share_memory_()

    def __deepcopy__(self, memo: dict) -> 'SharedFlags':
        return SharedFlags(self.flags.clone())


class SkipCorruptImagesMixin:
    """Lets a data set of image files go on where one cannot be decoded.

    It stands before a class derived from :class:`mmengine.dataset.BaseDataset`, with
    :class:`mmcv.transforms.LoadImageFromFile` in its pipeline. An image is corrupt if
    that transform cannot decode it; any other error, also of another transform, is
    raised as it is.

    In training the next image takes the place of a corrupt one: the same one in every
    run, without drawing a random number, and nearly always of the same class in a list
    sorted by class. Each corrupt image is named in a warning and counted once, over
    all data workers and epochs; each process of a distributed run counts its own.
    In test mode a corrupt image is an error at once.

    Args:
        max_corrupt (int): The number of corrupt images that are skipped before one
            more is an error; with 0 the first one is. Defaults to 100.
        *args, **kwargs: Arguments of the data set.
    """

    @checked_options
    def __init__(self, *args, max_corrupt: Natural = 100, **kwargs) -> None:
        self.max_corrupt = max_corrupt
        super().__init__(*args, **kwargs)

    @property
    def num_corrupt(self) -> int:
        """Number of corrupt images met so far, by all data workers."""
        return int(self._corrupt.flags.sum())

    def full_init(self) -> None:
        """See the base class."""
        if not self._fully_initialized:
            super().full_init()
            self._corrupt = SharedFlags(torch.zeros(len(self), dtype=torch.bool))

    def prepare_data(self, idx: int) -> dict | None:
        """Runs the pipeline on an image, or on the next one that is not corrupt.

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
                if not self._corrupt.flags[place]:
                    self._count(place, error)
        raise DataError(
            f'None of the {len(self)} images of {type(self).__name__} can be '
            f'decoded, "{self.get_data_info(idx)["img_path"]}" for example.'
        )

    def _run_pipeline(self, idx: int) -> dict | None:
        data = self.get_data_info(idx)
        for transform in self.pipeline.transforms:
            loads = isinstance(transform, LoadImageFromFile)
            data = load_image(transform, data) if loads else transform(data)
            if data is None:
                return None
        return data

    def _count(self, place: int, error: CorruptImageError) -> None:
        self._corrupt.flags[place] = True
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
            # On the other ranks, which may be the only ones to meet this image,
            # mmengine prints errors alone.
            level=logging.WARNING if get_rank() == 0 else logging.ERROR,
        )
