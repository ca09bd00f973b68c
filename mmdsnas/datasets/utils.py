"""What the data sets share: splits, and gray images for a 3-channel stem."""

import numpy as np


def choose_split(split: str | None, test_mode: bool, splits: tuple[str, str]) -> str:
    """Fills in the default of the option ``split``.

    Args:
        split (str, optional): What the config says. None follows
            ``test_mode``, so that a config in mmcls's style, which gives only
            ``test_mode=True``, is not tested on the training images.
        test_mode (bool): Whether None means the second split.
        splits (tuple[str, str]): The split for training and the other one.

    Returns:
        str: One of ``splits``.
    """
    return splits[bool(test_mode)] if split is None else split


def held_out(count: int, val_ratio: float) -> np.ndarray:
    """Draws which images of one class are held out.

    The draw depends on the two arguments only. It is random rather than every
    n-th image, because augmented or filmed images often repeat with a period.

    Args:
        count (int): Number of images of the class, at least 2.
        val_ratio (float): Part that is held out, between 0 and 1.

    Returns:
        np.ndarray: Boolean mask of shape (count, ), True where held out; at
        least one entry is True and one is False.
    """
    number = min(max(int(count * val_ratio + 0.5), 1), count - 1)
    mask = np.zeros(count, dtype=bool)
    # numpy promises that RandomState draws the same in all its releases; it
    # does not for default_rng.
    mask[np.random.RandomState(0).permutation(count)[:number]] = True
    return mask


class GrayImagesMixin:
    """Hands out gray images with three equal channels.

    The searchable backbones have a stem with 3 input channels. The data list
    keeps one channel of shape (H, W), which takes a third of the memory;
    :meth:`get_data_info`, and so a pipeline, gives (H, W, 3).
    """

    def get_data_info(self, idx: int) -> dict:
        """Gets the annotation and image of one sample.

        Args:
            idx (int): Index of the sample.

        Returns:
            dict: ``img``, an uint8 array of shape (H, W, 3), ``gt_label`` and
            ``sample_idx``.
        """
        info = super().get_data_info(idx)
        info['img'] = np.repeat(info['img'][..., None], 3, axis=2)
        return info
