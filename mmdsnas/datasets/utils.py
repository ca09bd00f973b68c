"""What the data sets share: held-out images, and gray ones for a 3-channel stem."""

import numpy as np


def held_out(count: int, val_ratio: float) -> np.ndarray:
    """Draws which images of one class are held out.

    The draw depends on the two arguments only: how many images there are, at least 2,
    and the part that is held out. It is random rather than every n-th image, because
    augmented or filmed images often repeat with a period.

    Returns:
        np.ndarray: Shape (count, ), True where held out: of one image at least, and not
        of all.
    """
    number = min(max(int(count * val_ratio + 0.5), 1), count - 1)
    mask = np.zeros(count, dtype=bool)
    # numpy promises that RandomState draws the same in all its releases; it
    # does not for default_rng.
    mask[np.random.RandomState(0).permutation(count)[:number]] = True
    return mask


class GrayImagesMixin:
    """Gives gray images three equal channels, which the stem of a backbone has.

    The data list has one channel, shape (H, W), to take a third of the memory.
    """

    def get_data_info(self, idx: int) -> dict:
        """As mmengine's, but that ``img`` has the shape (H, W, 3)."""
        info = super().get_data_info(idx)
        info['img'] = np.repeat(info['img'][..., None], 3, axis=2)
        return info
