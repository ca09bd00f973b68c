"""Images that an exported file is compared on and calibrated with."""

import copy
import os
from itertools import islice
from pathlib import Path
from typing import Any, Iterator, Sequence

import mmcv
import numpy as np
import torch
from mmcv.transforms import LoadImageFromFile
from mmengine.config import Config
from mmengine.dataset import Compose
from torch import Tensor

from mmdsnas.errors import ConfigError, CorruptImageError, DataError
from mmdsnas.registry import DATASETS, TRANSFORMS
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.data_sets import data_sets, pipeline_of
from .class_folders import SUFFIXES, list_images
from .decoding import load_image
from .load_resized import LoadResized

# A folder, or how many images of a data set.
Source = str | Path | int

BATCH_SIZE = 32

# Uint8 images, shape (N, C, H, W), in BGR where C is 3, and their classes; None: not
# known, or several.
Batch = tuple[Tensor, list[int | None]]


class Images:
    """Images of a data set, or of a folder, as a test pipeline packs them.

    Iterating gives batches: the first image alone, then 32 at a time. Files that cannot
    be decoded are left out; ``left_out`` has what was wrong with them so far.

    Args:
        samples (Sequence): What pipelines give: ``inputs``, and ``data_samples`` with
            labels; or what ``pack`` makes that of.
        number (int, optional): How many of them, evenly spread, because data sets
            are often sorted by class. All by default.
        pack (Packer, optional): For files.
    """

    def __init__(
        self,
        samples: Sequence[Any],
        number: int | None = None,
        pack: 'Packer | None' = None,
    ) -> None:
        self.samples = samples
        self.pack = pack
        self.left_out: dict[int, str] = {}
        number = min(number or len(samples), len(samples))
        self.indices = np.linspace(0, len(samples) - 1, number).round().astype(int)

    def __len__(self) -> int:
        return len(self.indices)

    @property
    def classes(self) -> Sequence[str]:
        """Class names of the data set; empty if it has none."""
        return getattr(self.samples, 'metainfo', {}).get('classes') or ()

    def __iter__(self) -> Iterator[Batch]:
        samples, size = self._decodable(), 1
        while batch := list(islice(samples, size)):
            yield _batch(batch)
            size = BATCH_SIZE
        if size == 1:
            raise DataError(f'None of the {len(self)} images can be decoded.')

    def _decodable(self) -> Iterator[dict[str, Any]]:
        for index in self.indices.tolist():
            if index in self.left_out:
                continue
            try:
                sample = self.samples[index]
                yield self.pack(sample) if self.pack else sample
            except CorruptImageError as error:
                self.left_out[index] = str(error)


class Packer:
    """Turns an image into what a model gets, by the configs of a test pipeline.

    A transform that loads an image is put first where there is none, since the data
    set has them in memory.
    """

    def __init__(self, pipeline: Sequence[dict[str, Any]]) -> None:
        # A file may be another one the next time.
        options = dict(LoadKeptImage=dict(memory=0))
        steps = [
            TRANSFORMS.build({**step, **options.get(type_name(step), {})})
            for step in pipeline
        ]
        loads = bool(steps) and isinstance(steps[0], LoadImageFromFile)
        self.load = steps.pop(0) if loads else LoadImageFromFile()
        self.rest = Compose(steps)

    def __call__(self, image: str | Path | np.ndarray) -> dict[str, Any]:
        """Gives ``inputs`` and ``data_samples`` of an image.

        That is a file, or uint8 values in RGB, shape (H, W, 3), or in grey, (H, W); a
        pipeline that loads grey gets grey.

        Raises:
            DataError: The file does not exist or cannot be decoded, or the array has
                another shape or type.
        """
        if isinstance(image, np.ndarray):
            return self.rest(self._given(image))
        if os.path.islink(image) and not os.path.exists(image):
            raise CorruptImageError(f'image "{image}" is a link that leads nowhere')
        if not os.path.isfile(image):
            raise DataError(f'image "{image}" must be a file, but there is none.')
        return self.rest(load_image(self.load, dict(img_path=str(image))))

    def _given(self, image: np.ndarray) -> dict[str, Any]:
        shape, grey = image.shape[2:], str(self.load.color_type).startswith('gray')
        known = image.dtype == np.uint8 and image.ndim > 1 and image.size
        if not known or shape not in ((), (3,)):
            raise DataError(
                'an image must be a file, or an uint8 array of shape (height, width, '
                '3) in RGB or (height, width) in grey, but is an array of '
                f'{image.dtype} of shape {image.shape}.'
            )
        # Pipelines begin with OpenCV's order.
        order, wanted = 'rgb' if shape else 'gray', 'gray' if grey else 'bgr'
        if order != wanted:
            image = mmcv.imconvert(image, order, wanted)
        info = dict(img=image, img_shape=image.shape[:2], ori_shape=image.shape[:2])
        return self.load.resize(info) if isinstance(self.load, LoadResized) else info


def find_images(
    config: Config, source: Source, split: str = 'test', option: str = '--check'
) -> Images:
    """Finds the images that an option names: a folder, or so many of a data set.

    The data set is that of a split, ``'test'`` or ``'train'``; the pipeline is that of
    the config's ``test_dataloader`` in any case.

    Raises:
        ConfigError: The number is below 1.
        DataError: The folder or the data set has no images.
    """
    pipeline = pipeline_of(config.test_dataloader)
    if not isinstance(source, int):
        folder = Path(source).expanduser()
        paths = list_images(folder)
        if not paths:
            what = 'has no images' if folder.is_dir() else 'is not a folder'
            raise DataError(
                f'"{folder}" {what}: {option} must be a folder with images '
                f'({", ".join(SUFFIXES)}) or a number of images of the data set.'
            )
        return Images(paths, pack=Packer(pipeline))
    if source < 1:
        raise ConfigError(
            f'{option} must be a folder, or a number of images of at least 1, but is '
            f'{source}.'
        )
    loader = copy.deepcopy(config[f'{split}_dataloader'])
    for part in data_sets(loader).values():
        part['pipeline'] = pipeline
    return Images(DATASETS.build(loader.dataset), source)


def _batch(samples: Sequence[dict[str, Any]]) -> Batch:
    images = [sample['inputs'] for sample in samples]
    shapes = {tuple(image.shape) for image in images}
    if len(shapes) > 1:
        sizes = ' and '.join(map(str, sorted(shapes)[:2]))
        raise ConfigError(
            'the test pipeline must give images of one size for an export, but gives '
            f'{sizes}; end it with a CenterCrop or a Resize to a height and width.'
        )
    return torch.stack(images), [_label(sample) for sample in samples]


def _label(sample: dict[str, Any]) -> int | None:
    """The class of an image; None where it has none or several."""
    truth = getattr(sample.get('data_samples'), 'gt_label', {})
    label = truth.label if 'label' in truth else []
    return int(label) if len(label) == 1 else None
