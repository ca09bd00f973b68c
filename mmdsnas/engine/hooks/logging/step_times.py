"""How long a search takes, by a few of its steps."""

import copy
import os
import statistics
import time
from collections import Counter
from typing import Any, Callable, NamedTuple

import torch
from mmengine.dist import get_world_size
from mmengine.runner import Runner
from torch.utils.benchmark import timer

from mmdsnas.models import Stage
from mmdsnas.utils.random_state import random_states_kept
from ..utils import algorithm_of

# Of each kind of step, after one to warm up.
REPEATS = 3
# Images that are loaded to time the pipeline, beside those of a batch.
MOST_IMAGES = 16


class StepTimes(NamedTuple):
    """Seconds that parts of a run take on this machine."""

    # A training step by stage, without its images.
    step: dict[Stage, float]
    # Evaluating a batch as large, without its images.
    evaluation: float
    # Loading an image in one process.
    image: float
    # Starting the processes that load the images of an epoch.
    start: float = 0.0


def measure(runner: Runner, epochs: range) -> StepTimes:
    """Runs a few steps of every stage, on a copy of the search before its training."""
    search, loader = algorithm_of(runner), runner.train_dataloader
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
        search, optimizers = copy.deepcopy((search, runner.optim_wrapper))
        # What mmengine compiled is the search's own method, in the copy too.
        vars(search).pop('train_step', None)
        step = {}
        for epoch in epochs:
            if (stage := search.stage_of(epoch)) not in step:
                search.train().begin(epoch=epoch)
                step[stage] = _median(lambda b: search.train_step(b, optimizers), batch)
        search.eval()
        with torch.no_grad():
            evaluation = _median(search.val_step, batch)
    return StepTimes(step, evaluation, image, max(start, 0.0))


def _median(step: Callable[[Any], Any], batch: Any) -> float:
    """Seconds of a step, which may change its batch."""
    times = []
    for _ in range(1 + REPEATS):
        # torch's timer waits for the GPU.
        begin = timer()
        step(copy.copy(batch))
        times.append(timer() - begin)
    return statistics.median(times[1:])


def seconds_of(runner: Runner, epochs: range, times: StepTimes) -> float:
    """About how long epochs of a run take.

    A step and the loading of its images run side by side as far as there are cores
    for both.
    """
    loader = runner.train_dataloader
    workers, batch_size = loader.num_workers, loader.batch_sampler.batch_size

    def together(step: float, images: float) -> float:
        return side_by_side(step, times.image * images, workers)

    other = times.start
    if runner.val_loop is not None:
        images = len(runner.val_dataloader.dataset) / get_world_size()
        seconds = together(times.evaluation * images / batch_size, images)
        other += (times.start + seconds) / runner.train_loop.val_interval
    return sum(
        number * (len(loader) * together(times.step[stage], batch_size) + other)
        for stage, number in Counter(map(algorithm_of(runner).stage_of, epochs)).items()
    )


def side_by_side(step: float, load: float, workers: int) -> float:
    """Seconds of what is trained on while so many processes load what comes next."""
    cores = min(workers + 1, os.cpu_count() or 1)
    return max(step, load / max(workers, 1), (step + load) / cores)
