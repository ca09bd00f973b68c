"""Fits a search in a pretrained network to some minutes on this machine."""

import json
import os
import os.path as osp
import time
from dataclasses import dataclass

from mmengine.config import Config
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.logging import print_log
from torch.utils.benchmark import timer

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.models.mutables import tensors_of
from mmdsnas.registry import DATASETS
from mmdsnas.utils.files import write_atomically
from mmdsnas.utils.random_state import random_states_kept
from mmdsnas.utils.ranks import on_rank_0
from .building import build_model
from .given_options import Given, merge
from .own_images import TrainingPlan, apply_plan
from .plain_config import plain_options

FILE = 'time_plan.json'
# Images may be smaller than they are, so that there is time for as many epochs.
SIZES, FEWEST_EPOCHS, MOST_EPOCHS = (128, 96, 64), 6, 100
# Parts of the time: what goes by besides all steps, trials of finalists, and, at most
# and in whole epochs, the tuning of the network.
BESIDES, TRIALS, TUNED, MOST_TUNED = 0.05, 0.05, 0.15, 4
# Of a step of the whole network: what a step takes however little its path costs, and
# a forward pass; of networks of 10 to 100 % of the MFLOPs, on a CPU.
CONSTANT, FORWARD = 0.15, 1 / 3
# Images that are loaded, and steps that are made, to time them.
LOADED, STEPS = 8, 2


@dataclass(frozen=True)
class Times:
    """What a search in a network is planned by.

    Attributes:
        step (float): Seconds of a training step of the whole network for an image.
        load (float): Seconds in which one process loads an image.
        workers (int): Processes that load images beside the training.
        part (float): Of the whole network's cost, what the child may have.
        scored (float): Images times candidates that are scored, those of small images
            as a part of large ones.
    """

    step: float
    load: float
    workers: int
    part: float
    scored: float

    @property
    def whole(self) -> float:
        """Seconds of an image in an epoch of the whole network."""
        return self._with_loading(self.step)

    @property
    def child(self) -> float:
        """Seconds of an image in an epoch of the child."""
        return self._with_loading(self.step * (CONSTANT + (1 - CONSTANT) * self.part))

    def epochs(self, seconds: float, num_images: float) -> tuple[int, int]:
        """Epochs for tuning, and all epochs, that some time is enough for."""
        tuned = TUNED * seconds / (num_images * self.whole)
        tuned = int(min(max(tuned, 1), MOST_TUNED))
        left = seconds * (1 - BESIDES - TRIALS) - tuned * num_images * self.whole
        # Soft labels, and on average half of a network for each candidate.
        left -= FORWARD * self.step * (num_images + self.scored / 2)
        return tuned, tuned + max(int(left / (num_images * self.child)), 1)

    def _with_loading(self, step: float) -> float:
        side_by_side = min(self.workers + 1, os.cpu_count() or 1)
        load = self.load / max(self.workers, 1)
        return max(step, load, (step + self.load) / side_by_side)


def fit_to_time(config: Config, given: Given) -> Config:
    """Sets the size of the images and the epochs to what ``own_images.minutes`` allow.

    What ``own_images.input_size`` and ``epochs`` say stays. What was planned is kept
    in the work directory: a run that is resumed has the same.

    Raises:
        ConfigError: The search is not in a pretrained network.
    """
    own = config.get('own_images') or {}
    if own.get('minutes') is None or 'epochs' in own.given:
        return config
    if not own.get('pretrained'):
        raise ConfigError(
            'own_images.minutes must be None where own_images.pretrained is None, '
            f'whose epochs are own_images.epochs, but is {own.minutes:g}.'
        )
    file = osp.join(config.work_dir, FILE)
    plan = on_rank_0(lambda: _plan(config, file), 'plan the epochs')
    print_log(
        f'For {own.minutes:g} minutes on this machine: images of {plan["input_size"]} '
        f'pixels, {plan["epochs"]} epochs, {plan["tuned"]} of them for the whole '
        'network.',
        'current',
    )
    _apply(config, plan)
    merge(config, plain_options(given.options))
    return config


def _plan(config: Config, file: str) -> dict[str, int]:
    if config.get('resume') and osp.isfile(file):
        with open(file) as kept:
            return json.load(kept)
    own, seconds = config.own_images, 60 * config.own_images.minutes
    sizes = [own.input_size]
    if 'input_size' not in own.given:
        sizes += [size for size in SIZES if size < own.input_size]
    number = sum(n for _, n in own.found.images.train) / get_world_size()
    for size in sizes:
        tried = dict(input_size=size, tuned=1, epochs=2)
        times = _measure(_apply(Config(config.to_dict()), tried))
        tuned, epochs = times.epochs(seconds, number)
        if seconds > FEWEST_EPOCHS * number * (times.whole + times.child) / 2:
            break
    plan = dict(input_size=size, tuned=tuned, epochs=min(epochs, MOST_EPOCHS))
    with write_atomically(file) as temporary:
        temporary.write_text(json.dumps(plan))
    return plan


def _apply(config: Config, plan: dict[str, int]) -> Config:
    batch_size = config.own_images.batch_size
    fitted = TrainingPlan(plan['input_size'], plan['epochs'], batch_size)
    apply_plan(config, fitted, tuned=plan['tuned'])
    return config


def _measure(config: Config) -> Times:
    """Times steps of the whole network, and the loading of images."""
    with random_states_kept(0):
        algorithm, loader = build_model(config), config.train_dataloader
        algorithm.to(get_device()).train()
        algorithm.mutator.set_choices(algorithm.first_path())
        inputs = algorithm.resource_estimator.example(algorithm).expand(
            loader.batch_size, -1, algorithm.edge, algorithm.edge
        )
        for _ in range(1 + STEPS):
            begin = timer()
            output = algorithm.architecture(inputs, mode='tensor')
            sum(part.sum() for part in tensors_of(output)).backward()
            step = (timer() - begin) / loader.batch_size
        data = DATASETS.build(loader.dataset)
        places = range(min(LOADED, len(data)))
        begin = time.perf_counter()
        for place in places:
            data[place]
        load = (time.perf_counter() - begin) / len(places)
    limits, whole = algorithm.cost_term.limits, algorithm.whole_cost
    (hook,) = [h for h in config.custom_hooks if h['type'] == 'ChooseChildHook']
    return Times(
        step=step,
        load=load,
        workers=loader.num_workers,
        part=min(limits.get('flops', whole['flops']) / whole['flops'], 1.0),
        scored=scored_images(algorithm, hook.get('num_batches', 4) * loader.batch_size),
    )


def scored_images(algorithm: DSNAS, images: int) -> float:
    """Attribute ``scored`` of :class:`Times`, for some images."""
    # About in proportion to the edge, not to the area: layers of few pixels are slow.
    parts = sum(size / algorithm.edge for size in algorithm.input_sizes)
    return parts * images * sum(size - 1 for size in algorithm.cost_table.sizes)
