"""The user's own images, one folder per class."""

import os
from typing import Literal, Sequence

from mmcls.datasets import BaseDataset
from mmengine.logging import print_log

from ..errors import ConfigError
from ..registry import DATASETS
from ..utils.options import Fraction, Natural, Text, checked_options
from .class_folders import find_classes, images_of_split
from .corrupt_images import SkipCorruptImagesMixin


@DATASETS.register_module()
class ImageFolder(SkipCorruptImagesMixin, BaseDataset):
    """Images in one folder per class.

    The folders ``train``, ``val`` (or ``valid``, ``validation``) and ``test`` of
    ``data_root`` are the splits; without them it has the class folders itself. Where
    there is no ``val``, a fixed part of each class of ``train``, which depends on the
    sorted file names only, is held out. The classes are the sorted names of the
    folders; ``val`` and ``test`` may lack some. Images (jpg, jpeg, png, bmp, tif, tiff,
    webp, ppm) are searched in all depths of a class folder, without following links to
    folders; names that begin with a dot are left out.

    Args:
        data_root (str): The folder.
        split (str, optional): ``'train'``, ``'val'`` or ``'test'``. None means
            ``'train'``, or ``'val'`` if ``test_mode`` is True.
        val_ratio (float): Part of each class that is held out where there is
            no ``val`` folder. Defaults to 0.2.
        test_mode (bool): Whether a pipeline that returns None, and an image
            that cannot be decoded, is an error. It always is with other splits
            than ``'train'``. Defaults to False.
        lazy_init (bool): Whether to list the files later; the class folders
            are checked at once. Defaults to False.
        max_corrupt (int): See :class:`SkipCorruptImagesMixin`.
        left_out (Sequence[str]): Files, relative to ``data_root``, that count as if
            they were not there. Defaults to none.
        **kwargs: Other arguments of :class:`mmcls.datasets.BaseDataset`. If classes
            are given, they are the folder names in the order of the labels.

    Raises:
        ConfigError: The classes are others than the folders.
        DataError: A folder or an image is missing or empty.
    """

    @checked_options
    def __init__(
        self,
        data_root: str | None,
        split: Literal['train', 'val', 'test'] | None = None,
        val_ratio: Fraction = 0.2,
        test_mode: bool = False,
        lazy_init: bool = False,
        max_corrupt: Natural = 100,
        left_out: Sequence[Text] = (),
        **kwargs,
    ) -> None:
        self.split = split or ('val' if test_mode else 'train')
        self.val_ratio = val_ratio
        self.left_out = left_out
        data_root = data_root and os.path.expanduser(data_root)
        folders = find_classes(data_root)
        super().__init__(
            ann_file='',
            data_root=data_root,
            test_mode=test_mode or self.split != 'train',
            lazy_init=True,
            max_corrupt=max_corrupt,
            **kwargs,
        )
        if self.CLASSES is None:
            self._metainfo['classes'] = folders
        if sorted(self.CLASSES) != list(folders):
            raise ConfigError(
                f'The classes given are {", ".join(self.CLASSES)}: they must '
                f'be the class folders {", ".join(folders)}, in any order.'
            )
        if not lazy_init:
            self.full_init()

    def load_data_list(self) -> list[dict]:
        """Lists ``img_path`` and ``gt_label`` of the split's images, sorted by path."""
        by_class, others = images_of_split(
            self.data_root, self.split, self.val_ratio, self.left_out
        )
        items = [
            dict(img_path=path, gt_label=self.class_to_idx[name])
            for name, paths in by_class.items()
            for path in paths
        ]
        # Both splits are built in a run; one of them says it.
        if others and self.split == 'train':
            print_log(
                f'"{self.data_root}" has no folder val: of {len(items) + others} '
                f'images {others} are held out as val (val_ratio={self.val_ratio} of '
                f'each class), {len(items)} are left for train.',
                logger='current',
            )
        return items

    def extra_repr(self) -> list[str]:
        """Names the folder and the split in ``repr``."""
        return [f'Folder: \t{self.data_root}', f'Split: \t{self.split}']
