"""How a network is trained on an amount of images of which nothing else is known."""

import math
from typing import NamedTuple, Sequence

# The network halves the resolution five times; of less than 64 pixels BatchNorm
# would see one value a channel and image in the end.
STRIDE = 32
SMALLEST, LARGEST = 64, 128
# As many as the 45 epochs of the digits' search see.
IMAGES_SEEN = 64000
FEWEST_EPOCHS, MOST_EPOCHS = 20, 80
SMALLEST_BATCH, LARGEST_BATCH = 16, 64
# Of an epoch, if there are images enough for the smallest batch.
STEPS = 16


class Plan(NamedTuple):
    """How long, and with what, a network is trained.

    Attributes:
        input_size (int): Height and width of its images, pixels.
        epochs (int): Length of the run.
        batch_size (int): Images of a step.
    """

    input_size: int
    epochs: int
    batch_size: int


def plan_for(num_images: int, size: Sequence[int]) -> Plan:
    """What suits an amount of data, if nothing else is known of it.

    The input is the images' median short edge, rounded up to a multiple of 32, from
    64 to 128 pixels. The batch is the largest power of two from 16 to 64 with at
    least 16 steps an epoch. The epochs show 64,000 images to the network, but are
    from 20 to 80. So the 1,438 digits of scikit-learn get what their own config has.

    Args:
        num_images (int): To train on, at least 1.
        size (Sequence[int]): Medians of their heights and widths, pixels.
    """
    edge = STRIDE * math.ceil(min(size) / STRIDE)
    batch = 2 ** int(math.log2(max(num_images / STEPS, 1)))
    epochs = math.ceil(IMAGES_SEEN / num_images)
    return Plan(
        input_size=within(edge, SMALLEST, LARGEST),
        epochs=within(epochs, FEWEST_EPOCHS, MOST_EPOCHS),
        batch_size=within(batch, SMALLEST_BATCH, LARGEST_BATCH),
    )


def within(value: int, least: int, most: int) -> int:
    """The nearest value that is neither too small nor too large."""
    return min(max(value, least), most)
