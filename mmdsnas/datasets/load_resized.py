"""Images decoded no larger than they are needed."""

from abc import abstractmethod
from typing import Annotated, Literal, Sequence

import mmcv
import numpy as np
from mmcls.datasets.transforms import RandomResizedCrop, ResizeEdge
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine import fileio
from pydantic import AfterValidator, Field

from mmdsnas.registry import TRANSFORMS
from mmdsnas.utils.options import Count, Positive, checked_options
from .decoding import decode_reduced, decode_whole, jpeg_size

# Part of an image in pixels: top, left, height and width.
Box = tuple[int, int, int, int]


class LoadResized(LoadImageFromFile):
    """Base of transforms that load an image, take a part of it and resize that.

    The part is chosen from the size in the JPEG's header. Then OpenCV decodes the
    image with its edges divided by 8, 4, 2 or 1: by the largest number that leaves
    the part at least as large as the result. libjpeg skips the frequencies that are
    not needed, which takes less time than decoding and resizing. The pixels of edges
    divided by 1, and of all that is no JPEG in gray or colour, are those of the two
    transforms that it stands for.

    Where decoding fails, or gives another size than the header, the whole image is
    loaded with the random numbers as they were.

    Args:
        resize (BaseTransform): mmcls's transform of a loaded image.
        scale (int): The short edge of the result in pixels.
        color_type (str): ``'color'`` turns an image as its EXIF data say,
            ``'color_ignore_orientation'`` does not.
        backend_args (dict, optional): Of mmengine's file backend.
    """

    def __init__(self, resize: BaseTransform, scale: int, **kwargs) -> None:
        super().__init__(**kwargs)
        self.resize = resize
        self.scale = scale

    def transform(self, results: dict) -> dict:
        """Adds ``img``, an uint8 array of shape (H, W, 3), to ``img_path``.

        It adds all the rest that the two transforms add, too.

        Raises:
            CorruptImageError: The image cannot be decoded.
        """
        content = fileio.get(results['img_path'], backend_args=self.backend_args)
        size = jpeg_size(content, turn=self.color_type == 'color')
        # Of smaller images no part can be reduced.
        if size is not None and min(size) >= 2 * self.scale:
            state = np.random.get_state()
            reduced = self._reduced(content, size)
            if reduced is not None:
                return {**results, **reduced, 'ori_shape': size}
            np.random.set_state(state)
        img = decode_whole(content, results['img_path'], self.color_type)
        shapes = dict.fromkeys(('img_shape', 'ori_shape'), img.shape[:2])
        return self.resize({**results, 'img': img, **shapes})

    def _reduced(self, content: bytes, size: tuple[int, int]) -> dict | None:
        """What is made of an image decoded as small as it may be, if that works."""
        (top, left, height, width), target, added = self.choose(size)
        spare = min(height // target[0], width // target[1])
        img, factor = decode_reduced(content, size, spare, self.color_type)
        if img is None:
            return None
        part = img[_range_of(top, height, factor), _range_of(left, width, factor)]
        img = mmcv.imresize(
            part, target[::-1], interpolation=self.resize.interpolation, backend='cv2'
        )
        return dict(img=img, **added)

    @abstractmethod
    def choose(self, size: tuple[int, int]) -> tuple[Box, tuple[int, int], dict]:
        """Chooses a part by the image's height and width, and the part's new ones.

        The last is what mmcls's transform adds beside ``img``.
        """


def _range_of(start: int, length: int, factor: int) -> slice:
    """The nearest range of an edge that is divided by a factor."""
    half = factor // 2
    return slice((start + half) // factor, (start + length + half) // factor)


def _range(ends: Sequence[float]) -> Sequence[float]:
    if len(ends) != 2 or ends[0] > ends[1]:
        raise ValueError('be two numbers, the smaller one first')
    return ends


_ColorType = Literal['color', 'color_ignore_orientation']
_Share = Annotated[float, Field(gt=0, le=1)]
_Shares = Annotated[Sequence[_Share], AfterValidator(_range)]
_Ratios = Annotated[Sequence[Positive], AfterValidator(_range)]


@TRANSFORMS.register_module()
class LoadRandomResizedCrop(LoadResized):
    """Loads a random part of an image, see :class:`LoadResized`.

    Stands for :class:`mmcv.transforms.LoadImageFromFile` and
    :class:`mmcls.datasets.RandomResizedCrop`, and draws the same parts. The edges of a
    part are rounded by at most half a pixel of the result.

    Args:
        scale (int): Height and width of the result.
        crop_ratio_range (Sequence[float]): The part's area, as smallest and largest
            share of the image's. Defaults to (0.08, 1.0).
        aspect_ratio_range (Sequence[float]): The part's width divided by its height,
            smallest and largest. Defaults to (3/4, 4/3).
        color_type, backend_args: See :class:`LoadResized`.

    Example:
        >>> train_pipeline = [
        ...     dict(type='mmdsnas.LoadRandomResizedCrop', scale=224),
        ...     dict(type='mmcls.RandomFlip', prob=0.5, direction='horizontal'),
        ...     dict(type='mmcls.PackClsInputs'),
        ... ]
    """

    @checked_options
    def __init__(
        self,
        scale: Count,
        crop_ratio_range: _Shares = (0.08, 1.0),
        aspect_ratio_range: _Ratios = (3 / 4, 4 / 3),
        color_type: _ColorType = 'color',
        backend_args: dict | None = None,
    ) -> None:
        crop = RandomResizedCrop(scale, crop_ratio_range, aspect_ratio_range)
        super().__init__(crop, scale, color_type=color_type, backend_args=backend_args)

    def choose(self, size: tuple[int, int]) -> tuple[Box, tuple[int, int], dict]:
        """Draws a part, see the base class."""
        # mmcls looks at the shape alone; this image has no memory of its own.
        image, scale = np.broadcast_to(np.uint8(0), size), self.resize.scale
        return self.resize.rand_crop_params(image), scale, dict(img_shape=(*scale, 3))


@TRANSFORMS.register_module()
class LoadResizeEdge(LoadResized):
    """Loads an image with a short edge of some length, see :class:`LoadResized`.

    Stands for :class:`mmcv.transforms.LoadImageFromFile` and
    :class:`mmcls.datasets.ResizeEdge`.

    Args:
        scale (int): Length of the short edge in pixels.
        color_type, backend_args: See :class:`LoadResized`.
    """

    @checked_options
    def __init__(
        self,
        scale: Count,
        color_type: _ColorType = 'color',
        backend_args: dict | None = None,
    ) -> None:
        edge = ResizeEdge(scale)
        super().__init__(edge, scale, color_type=color_type, backend_args=backend_args)

    def choose(self, size: tuple[int, int]) -> tuple[Box, tuple[int, int], dict]:
        """Takes the whole image, see the base class."""
        # In floats, as mmcls computes it.
        height, width = (int(self.scale * edge / min(size)) for edge in size)
        return (
            (0, 0, *size),
            (height, width),
            dict(
                img_shape=(height, width),
                scale=(width, height),
                scale_factor=(width / size[1], height / size[0]),
            ),
        )
