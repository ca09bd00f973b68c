"""How long, and on which images, a network of one's own images is trained."""

import math
from typing import NamedTuple, Sequence

import numpy as np

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
# Of a search in a pretrained network: epochs, of them for the network as it is, images
# of a step, and by how much the sizes of a child's images differ.
EPOCHS, TUNED, BATCH, RATIO = 20, 2, 32, 0.75
SMALLEST_CHILD, MULTIPLE = 32, 16


class TrainingPlan(NamedTuple):
    """How a network is trained: pixels of an image's edge, epochs, images of a step."""

    input_size: int
    epochs: int
    batch_size: int


def plan_for(num_images: int, size: Sequence[int]) -> TrainingPlan:
    """What suits an amount of data, if nothing else is known of it.

    The input is the smaller one of the medians, rounded up to a multiple of 32, from
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
    return TrainingPlan(
        input_size=int(np.clip(edge, SMALLEST, LARGEST)),
        epochs=int(np.clip(epochs, FEWEST_EPOCHS, MOST_EPOCHS)),
        batch_size=int(np.clip(batch, SMALLEST_BATCH, LARGEST_BATCH)),
    )


def sizes_below(input_size: int) -> list[int]:
    """Sizes of a child's images: that of the images, and ever smaller ones to 32."""
    sizes = [input_size]
    while sizes[-1] > SMALLEST_CHILD:
        smaller = MULTIPLE * int(RATIO * sizes[-1] / MULTIPLE + 0.5)
        sizes.append(max(min(smaller, sizes[-1] - MULTIPLE), SMALLEST_CHILD))
    return sizes
