"""scikit-learn's handwritten digits: a data set that needs no download."""

from typing import Literal

import numpy as np
from mmcls.datasets import BaseDataset

from ..registry import DATASETS
from ..utils.options import Fraction, checked_options
from .utils import GrayImagesMixin, held_out


@DATASETS.register_module()
class Digits(GrayImagesMixin, BaseDataset):
    """The 1,797 gray 8x8 images of handwritten digits of scikit-learn.

    A fixed part of each class, the same on every machine, is held out as ``test``. The
    values 0..16 of an image are scaled to 0..255; its shape is (8, 8, 3).

    Args:
        split (str, optional): ``'train'`` or ``'test'``. None means
            ``'train'``, or ``'test'`` if ``test_mode`` is True.
        val_ratio (float): Part of each class that is held out as ``test``.
            Defaults to 0.2.
        test_mode (bool): See :class:`mmcls.datasets.BaseDataset`, as for other
            arguments.
    """

    METAINFO = {'classes': tuple('0123456789')}

    @checked_options
    def __init__(
        self,
        split: Literal['train', 'test'] | None = None,
        val_ratio: Fraction = 0.2,
        test_mode: bool = False,
        **kwargs,
    ) -> None:
        self.split = split or ('test' if test_mode else 'train')
        self.val_ratio = val_ratio
        super().__init__(ann_file='', test_mode=test_mode, **kwargs)

    def load_data_list(self) -> list[dict]:
        """Loads ``img``, uint8 of shape (8, 8), and ``gt_label`` of each sample."""
        # Its import would make everything slower to start.
        from sklearn.datasets import load_digits

        digits = load_digits()
        images = np.rint(digits.images * (255 / 16)).astype(np.uint8)
        test = np.zeros(len(images), dtype=bool)
        for label in range(10):
            places = np.flatnonzero(digits.target == label)
            test[places] = held_out(len(places), self.val_ratio)
        return [
            dict(img=images[i], gt_label=int(digits.target[i]))
            for i in np.flatnonzero(test == (self.split == 'test'))
        ]

    def extra_repr(self) -> list[str]:
        """Names the split in ``repr``."""
        return [f'Split: \t{self.split} (val_ratio={self.val_ratio})']
