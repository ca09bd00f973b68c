"""How long steps of a network, and the loading of its images, take on this machine."""

import time
from typing import Mapping

from mmengine.config import Config
from torch.utils.benchmark import timer

from mmdsnas.models import DSNAS
from mmdsnas.models.mutables import tensors_of
from mmdsnas.registry import DATASETS

# Images that are loaded, and steps that are made after the first, to time them.
LOADED, STEPS = 8, 2


def seconds_of_step(
    algorithm: DSNAS, path: Mapping[str, str], size: int, batch_size: int
) -> float:
    """Seconds of a training step of a path for an image of an edge, in pixels.

    Args:
        algorithm (DSNAS): Where the run has it; the gradients of its weights change.
        path (Mapping[str, str]): Candidate by group.
        size (int): Edge that images are resized to.
        batch_size (int): Images of a step.
    """
    # Of the size that the child has now.
    example = algorithm.resource_estimator.example(algorithm)
    edge = algorithm.edge
    inputs = example.new_zeros(batch_size, example.shape[1], edge, edge)
    algorithm.train()
    for _ in range(1 + STEPS):
        # torch's timer waits for the GPU.
        begin = timer()
        with algorithm.executing(path, size):
            output = algorithm(inputs, mode='tensor')
        sum(part.sum() for part in tensors_of(output)).backward()
        seconds = timer() - begin
    return seconds / batch_size


def seconds_of_loading(config: Config) -> float:
    """Seconds in which one process loads an image of the training data."""
    data = DATASETS.build(config.train_dataloader.dataset)
    places = range(min(LOADED, len(data)))
    begin = time.perf_counter()
    for place in places:
        data[place]
    return (time.perf_counter() - begin) / len(places)
