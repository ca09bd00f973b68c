"""ImageNet, with annotation files or with a folder per class."""

import os
import re

from mmcls.datasets import ImageNet as _ImageNet
from mmcls.datasets.custom import find_folders, get_samples
from mmengine.fileio import get_file_backend, list_from_file

from ..errors import ConfigError, DataError
from ..registry import DATASETS
from ..utils.options import Natural, checked_options
from ..utils.words import shown
from .corrupt_images import SkipCorruptImagesMixin


@DATASETS.register_module()
class ImageNet(SkipCorruptImagesMixin, _ImageNet):
    """ImageNet and parts of it, on mmcls's data set of that name.

    With an annotation file, ``data_root`` looks as elsewhere in OpenMMLab::

        meta/train.txt, meta/val.txt    lines like "n01440764/x.JPEG 0"
        train/n01440764/x.JPEG, ...
        val/ILSVRC2012_val_00000001.JPEG, ...

    Without one, the folders are the classes, and their sorted names give the
    labels; there need not be 1000, as mmcls asserts::

        train/n01440764/x.JPEG, ...
        val/n01440764/y.JPEG, ...

    If there is a folder ``train`` beside that of the images, it must have the
    same class folders: one that is missing would shift the labels.

    Args:
        ann_file (str, optional): The annotation file, relative to ``data_root``; ``''``
            if the folders are the classes. None, the default, means ``meta/train.txt``
            for ``data_prefix='train'`` and so on if ``data_root`` has a folder
            ``meta``, and ``''`` otherwise.
        metainfo (dict, optional): Its ``classes`` are the names of the labels, by
            default ImageNet's, or those of the class folders unless they are its 1000.
        data_root (str): The folder of the data set.
        data_prefix (str | dict): The folder of the images, relative to ``data_root``.
        max_corrupt (int): See :class:`SkipCorruptImagesMixin`.
        **kwargs: Other arguments of :class:`mmcls.datasets.ImageNet`.

    Raises:
        ConfigError: There is no ``data_root``, or the classes are others.
        DataError: A folder or the annotation file is missing or not right.
    """

    @checked_options
    def __init__(
        self,
        ann_file: str | None = None,
        metainfo: dict | None = None,
        data_root: str | None = '',
        data_prefix: str | dict = '',
        max_corrupt: Natural = 100,
        **kwargs,
    ) -> None:
        if not (data_root or data_prefix):
            raise ConfigError(
                'data_root of ImageNet is not set: give the folder that has the '
                'folders train and val.'
            )
        data_root = os.path.expanduser(data_root or '')
        if ann_file is None:
            ann_file = _usual_annotation_file(data_root, data_prefix)
        own_classes = kwargs.get('classes') or (metainfo or {}).get('classes')
        self._has_own_classes = bool(own_classes)
        super().__init__(
            ann_file=ann_file,
            metainfo=metainfo,
            data_root=data_root,
            data_prefix=data_prefix,
            max_corrupt=max_corrupt,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Lists ``img_path`` and ``gt_label`` of each image."""
        backend = get_file_backend(self.img_prefix, enable_singleton=True)
        if not backend.isdir(self.img_prefix):
            raise DataError(
                f'The folder "{self.img_prefix}" does not exist: data_root and '
                'data_prefix of ImageNet must lead to the folder of the images.'
            )
        samples = self._read_annotations() if self.ann_file else self._find_samples()
        return [
            dict(img_path=backend.join_path(self.img_prefix, name), gt_label=label)
            for name, label in samples
        ]

    def _read_annotations(self) -> list[tuple[str, int]]:
        if not get_file_backend(self.ann_file).isfile(self.ann_file):
            raise DataError(
                f'The annotation file "{self.ann_file}" does not exist: put it there, '
                f'or set ann_file="" if "{self.img_prefix}" has a folder per class.'
            )
        samples = []
        for number, line in enumerate(list_from_file(self.ann_file), 1):
            if not line.strip():
                continue
            name, _, label = line.strip().rpartition(' ')
            if not (name and label.isdecimal() and int(label) < len(self.CLASSES)):
                raise DataError(
                    f'Line {number} of "{self.ann_file}" is {line!r}: it must be like '
                    f'"n01440764/x.JPEG 0", with a number from 0 to '
                    f'{len(self.CLASSES) - 1}.'
                )
            samples.append((name.strip(), int(label)))
        if not samples:
            raise DataError(f'The annotation file "{self.ann_file}" has no images.')
        return samples

    def _find_samples(self) -> list[tuple[str, int]]:
        folders = _class_folders(self.img_prefix)
        if not folders:
            raise DataError(
                f'"{self.img_prefix}" has no class folders: ImageNet must have them, '
                'or an annotation file like meta/val.txt in data_root.'
            )
        self._compare_with_train(folders)
        # mmcls's names are in the order of WordNet's ids.
        wordnet = all(re.fullmatch(r'n\d{8}', name) for name in folders)
        is_whole = wordnet and len(folders) == len(_ImageNet.METAINFO['classes'])
        if not self._has_own_classes and not is_whole:
            self._metainfo['classes'] = tuple(folders)
        if len(self.CLASSES) != len(folders):
            raise ConfigError(
                f'The number of classes given is {len(self.CLASSES)}: it must be that '
                f'of the class folders in "{self.img_prefix}", {len(folders)}.'
            )
        self.folder_to_idx = labels = {name: k for k, name in enumerate(folders)}
        samples, empty = get_samples(self.img_prefix, labels, self.is_valid_file)
        if empty:
            raise DataError(
                f'The class folder(s) {shown(sorted(empty))} in "{self.img_prefix}" '
                f'have no images with the ending {", ".join(sorted(self.extensions))}.'
            )
        return samples

    def _compare_with_train(self, folders: list[str]) -> None:
        """Checks that a class has the same label as in training."""
        backend, folder = get_file_backend(self.img_prefix), self.img_prefix.rstrip('/')
        train = backend.join_path(os.path.dirname(folder), 'train')
        # What stands beside data_root itself is another data set.
        if folder == self.data_root.rstrip('/') or not backend.isdir(train):
            return
        different = set(folders) ^ set(_class_folders(train))
        if different:
            raise DataError(
                f'"{self.img_prefix}" and "{train}" must have the same class '
                'folders, since their order gives the labels, but only one of '
                f'them has {shown(sorted(different))}.'
            )


def _usual_annotation_file(data_root: str, data_prefix: str | dict) -> str:
    """The file that OpenMMLab's layout has, '' if it is not that layout."""
    if isinstance(data_prefix, dict):
        data_prefix = data_prefix.get('img_path', '')
    name = os.path.basename(data_prefix.rstrip('/'))
    backend = get_file_backend(data_root)
    if name and backend.isdir(backend.join_path(data_root, 'meta')):
        return f'meta/{name}.txt'
    return ''


def _class_folders(root: str) -> list[str]:
    return [name for name in find_folders(root)[0] if name[0] != '.']
