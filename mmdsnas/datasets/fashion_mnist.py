"""Fashion-MNIST from local files, plain or gzipped; nothing is downloaded."""

import os
import warnings
from typing import Annotated, Literal

import numpy as np
from mmcls.datasets import FashionMNIST as _FashionMNIST
from mmcls.datasets.mnist import read_sn3_pascalvincent_tensor
from pydantic import Field

from ..errors import ConfigError, DataError
from ..registry import DATASETS
from ..utils.options import Text, checked_options
from .utils import GrayImagesMixin

# The second one is where Debian's package puts the files.
SEARCHED = ('data/fashion-mnist', '/usr/share/datasets/fashion-mnist')
# Images and labels of each split.
FILES = {
    'train': ('train-images-idx3-ubyte', 'train-labels-idx1-ubyte'),
    'test': ('t10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte'),
}


def _read_idx(path: str, ndim: int) -> np.ndarray:
    """Reads uint8 values of so many dimensions by mmcls; names a damaged file."""
    try:
        with warnings.catch_warnings(action='ignore'):  # of a tensor to read alone
            array = read_sn3_pascalvincent_tensor(path).numpy()
        if array.dtype != np.uint8 or array.ndim != ndim or not array.size:
            raise ValueError(f'it has {array.dtype} of shape {array.shape}')
    except Exception as error:  # also of gzip and zlib
        raise DataError(
            f'The file "{path}" must be an idx file of unsigned bytes with {ndim} '
            f'dimension(s), but is another one or damaged ({error!r}): get it again.'
        ) from error
    return array


@DATASETS.register_module()
class FashionMNIST(GrayImagesMixin, _FashionMNIST):
    """mmcls's Fashion-MNIST that reads the four idx files where they lie.

    The files may be plain or gzipped and are not compared with a checksum (Debian's
    are compressed differently from the original ones). An image has the shape
    (28, 28, 3).

    Args:
        data_root (str, optional): The folder of the four files. None means
            the first of ``data/fashion-mnist`` (in the current folder) and
            ``/usr/share/datasets/fashion-mnist`` that has all four.
        split (str, optional): ``'train'`` or ``'test'``. None means
            ``'train'``, or ``'test'`` if ``test_mode`` is True.
        num_samples (int, optional): Take only so many samples of the split,
            equally many of each class (as far as the number allows), the
            first ones in the file. None takes all.
        test_mode (bool): See :class:`mmcls.datasets.BaseDataset`, as for other
            arguments.

    Raises:
        ConfigError: ``num_samples`` is more than there are.
        DataError: A file is missing or damaged.
    """

    @checked_options
    def __init__(
        self,
        data_root: Text | None = None,
        split: Literal['train', 'test'] | None = None,
        num_samples: Annotated[int, Field(ge=10)] | None = None,
        test_mode: bool = False,
        **kwargs,
    ) -> None:
        self.split = split or ('test' if test_mode else 'train')
        self.num_samples = num_samples
        super().__init__(
            data_prefix='',
            test_mode=test_mode,
            data_root=_find_folder(data_root),
            download=False,
            **kwargs,
        )

    def load_data_list(self) -> list[dict]:
        """Loads ``img``, uint8 of shape (H, W), and ``gt_label`` of each sample."""
        image_file, label_file = (
            _file_of(self.data_root, name) for name in FILES[self.split]
        )
        images, labels = _read_idx(image_file, 3), _read_idx(label_file, 1)
        if len(images) != len(labels):
            raise DataError(
                f'"{image_file}" has {len(images)} images, but '
                f'"{label_file}" has {len(labels)} labels.'
            )
        if labels.max() > 9:
            raise DataError(
                f'The file "{label_file}" has the label '
                f'{labels.max()}: only 0 to 9 are allowed.'
            )
        return [
            dict(img=images[i], gt_label=int(labels[i])) for i in self._chosen(labels)
        ]

    def _chosen(self, labels: np.ndarray) -> np.ndarray:
        """Indices of the samples to take; ``labels`` has shape (N, )."""
        total = len(labels)
        number = total if self.num_samples is None else self.num_samples
        if number > total:
            raise ConfigError(
                'num_samples of FashionMNIST must be None or a whole number from 10 '
                f'(one per class) to {total} (the {self.split} split), but is {number}.'
            )
        rank = np.empty(total, dtype=int)  # place within its class
        for label in range(10):
            rank[labels == label] = np.arange(np.sum(labels == label))
        return np.sort(np.argsort(rank, kind='stable')[:number])

    def extra_repr(self) -> list[str]:
        """Adds the split to mmcls's lines."""
        return [*super().extra_repr(), f'Split: \t{self.split}']


def _find_folder(data_root: str | None) -> str:
    """The first folder with all four files, so that both splits belong together."""
    roots = SEARCHED if data_root is None else (os.path.expanduser(data_root),)
    names = [*FILES['train'], *FILES['test']]
    for root in roots:
        if all(os.path.isfile(_file_of(root, name)) for name in names):
            return root
    raise DataError(
        f'Fashion-MNIST is not there: {" or ".join(map(os.path.abspath, roots))} must '
        f'have {", ".join(names)}, plain or as .gz; "apt-get install '
        'dataset-fashion-mnist" gives them where data_root is left out.'
    )


def _file_of(root: str, name: str) -> str:
    plain = os.path.join(root, name)
    return plain if os.path.isfile(plain) else f'{plain}.gz'
