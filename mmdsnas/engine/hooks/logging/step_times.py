"""How long the steps of a search take, measured on a copy of it."""

import copy
import os
import statistics
import time
from typing import Any, Callable, Dict, Mapping, NamedTuple

import torch
from mmengine.optim import OptimWrapper
from torch.utils.benchmark import timer
from torch.utils.data import DataLoader

from mmdsnas.models import DSNAS, Stage
from mmdsnas.utils.random_state import random_states_kept

# Of each kind of step, after one to warm up.
REPEATS = 3
# Images that are loaded to time the pipeline, beside those of a batch.
MOST_IMAGES = 16


class StepTimes(NamedTuple):
    """Seconds that parts of a run take.

    Attributes:
        step (dict[Stage, float]): A training step by stage, without its images.
        evaluation (float): Evaluating a batch as large, without its images.
        image (float): Loading an image in one process.
        start (float): Starting the processes that load the images of an epoch.
    """

    step: Dict[Stage, float]
    evaluation: float
    image: float
    start: float = 0.0


def measure(
    search: DSNAS,
    optim_wrapper: OptimWrapper,
    loader: DataLoader,
    epochs: Mapping[Stage, int],
) -> StepTimes:
    """Runs a few steps of every stage, which leave no trace in the search.

    Args:
        search (DSNAS): Before its training; a copy of it is trained.
        optim_wrapper (OptimWrapper): Its optimizers, which are copied with it.
        loader (DataLoader): The training data.
        epochs (Mapping[Stage, int]): First epoch by stage.
    """
    batch_size = loader.batch_sampler.batch_size
    with random_states_kept(0):
        begin = time.perf_counter()
        number = min(MOST_IMAGES, len(loader.dataset))
        items = [loader.dataset[i] for i in range(number)]
        image = (time.perf_counter() - begin) / number
        begin = time.perf_counter()
        # Its first batch comes from one process.
        next(iter(loader))
        start = time.perf_counter() - begin - image * batch_size
        batch = loader.collate_fn([items[i % number] for i in range(batch_size)])
        # Together, so that the one's optimizers have the other's parameters.
        algorithm, optimizers = copy.deepcopy((search, optim_wrapper))
        # What mmengine compiled is the search's own method, in the copy too.
        vars(algorithm).pop('train_step', None)
        steps = {}
        for stage, epoch in epochs.items():
            algorithm.train().begin(epoch=epoch)
            steps[stage] = _median(lambda b: algorithm.train_step(b, optimizers), batch)
        algorithm.eval()
        with torch.no_grad():
            evaluation = _median(algorithm.val_step, batch)
    return StepTimes(steps, evaluation, image, max(start, 0.0))


def _median(step: Callable[[Any], Any], batch: Any) -> float:
    """Seconds of a step, which may change its batch."""
    times = []
    for _ in range(1 + REPEATS):
        # torch's timer waits for the GPU.
        begin = timer()
        step(copy.copy(batch))
        times.append(timer() - begin)
    return statistics.median(times[1:])


def seconds_of(
    times: StepTimes,
    epochs: Dict[Stage, int],
    steps: int,
    batch_size: int,
    val_images: float,
    workers: int,
    validations: float = 1.0,
) -> float:
    """About how long a run takes.

    A step and the loading of its images run side by side as far as there are cores
    for both.

    Args:
        times (StepTimes): Of this machine.
        epochs (dict[Stage, int]): How many there are, by stage.
        steps (int): Of an epoch, of ``batch_size`` images.
        val_images (float): Images of a validation, in one process.
        workers (int): Processes that load images; 0 is the training's own.
        validations (float): Of an epoch.
    """
    side_by_side = min(workers + 1, os.cpu_count() or 1)

    def together(step: float, images: float) -> float:
        load = times.image * images
        return max(step, load / max(workers, 1), (step + load) / side_by_side)

    validation = together(times.evaluation * val_images / batch_size, val_images)
    other = times.start + validations * (times.start + validation)
    return sum(
        number * (steps * together(times.step[stage], batch_size) + other)
        for stage, number in epochs.items()
    )
