"""Trains what is compared, and evaluates it."""

import math
import time
from functools import partial
from pathlib import Path
from typing import Any, Callable, Sequence

import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.model import BaseModel
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

import mmdsnas
from mmdsnas.datasets import ImageFolder
from mmdsnas.engine import HandMadeChildHook
from mmdsnas.launch.building import build_model
from mmdsnas.launch.run_config import load_config
from mmdsnas.launch.search_times import BESIDES, Times, scored_images
from mmdsnas.registry import DATASETS, HOOKS
from mmdsnas.utils.data_sets import pipeline_of
from .rows import OTHERS, PAIRS, RANDOM, Row, time_name

CONFIG = 'dsnas_pretrained_1xb32_folder'
# Pixels of the photos' edge, and the whole network's epochs that each row's time is.
SIZE, EPOCHS = 64, 11
# Steps that are timed, after one that is not, and how often.
STEPS, ROUNDS = 4, 3
# What a step of the search stage takes of one of the whole network; a guess.
SEARCH_STEP = 0.8
# Of a search from nothing: what its steps take of those of a path, and its epochs.
PATHS, FEWEST = 1.3, 3
BATCH = 64


def run(
    data_root: str,
    row: Row,
    limit: str | None,
    seed: int,
    folder: str,
    times: dict[str, float],
) -> dict:
    """Trains a row, and evaluates it on all photos that it was not trained on.

    Args:
        data_root (str): The photos.
        row (Row): What is trained.
        limit (str, optional): On the child's MFLOPs.
        seed (int): Of the random numbers.
        folder (str): Gets the run.
        times (dict[str, float]): See :func:`measure`.

    Returns:
        dict: ``correct`` of ``images``, ``mflops``, ``input_size``, ``epochs`` in all,
        of the whole network and of search, and processor ``seconds``.
    """
    torch.set_num_threads(1)
    init_default_scope('mmdsnas')
    options = options_of(data_root, limit, seed)
    if row.network == RANDOM:
        # The path is another one for each seed.
        whole, name = time_name(OTHERS[0], None), time_name(row, limit)
        own = measure(data_root, ((row, limit), (OTHERS[0], None)), seed)
        times = {**times, name: times[whole] * own[name] / own[whole]}
    epochs = _plan(options, row, limit, times)
    if row.from_nothing:
        options |= {'own_images.pretrained': None, 'own_images.epochs': epochs[0]}
    else:
        options |= _schedule(row, *epochs)
    begin = time.process_time()
    found = mmdsnas.search(CONFIG, Path(folder), **options)
    seconds = time.process_time() - begin
    correct, images = accuracy_on(found.child, data_root)
    return dict(
        correct=correct,
        images=images,
        mflops=found.cost['mflops'],
        input_size=found.meta['input_shape'][-1],
        epochs=epochs,
        seconds=seconds,
        subnet=found.subnet,
    )


def measure(
    data_root: str, pairs: Sequence[tuple[Row, str | None]] = PAIRS, seed: int = 0
) -> dict[str, float]:
    """Processor seconds of a training step for an image, by :func:`time_name`.

    They are measured side by side, the shortest of several rounds: what else the
    machine does concerns all of them.
    """
    torch.set_num_threads(1)
    init_default_scope('mmdsnas')
    steps: dict[str, Callable[[], float]] = {}
    for row, limit in pairs:
        options = options_of(data_root, limit, seed)
        if row.from_nothing:
            options |= {'own_images.pretrained': None}
        elif row.network is None:
            continue
        config = load_config(CONFIG, options)
        algorithm, size = build_model(config).train(), SIZE
        if row.from_nothing:
            # One of the last, all of which are within the limit.
            path = algorithm.mutator.derive_child()
        else:
            path = HandMadeChildHook(row.network).choose(algorithm, seed)
            size = algorithm.child_edge
        name = time_name(row, limit)
        steps[name] = partial(_image_seconds, config, algorithm, path, size)
    found: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name, step in steps.items():
            found[name] = min(step(), found.get(name, math.inf))
    return found


def options_of(data_root: str, limit: str | None, seed: int) -> dict[str, Any]:
    """Options of every run: photos, their size, the seed, no processes for data."""
    return {
        'data_root': data_root,
        'own_images.input_size': SIZE,
        'own_images.minutes': None,
        'randomness.seed': seed,
        'model.cost': dict(limit=limit) if limit else None,
        **{f'{part}_dataloader.num_workers': 0 for part in ('train', 'val', 'test')},
        **{f'{part}_dataloader.persistent_workers': False for part in ('val', 'test')},
    }


def _plan(
    options: dict[str, Any], row: Row, limit: str | None, times: dict[str, float]
) -> tuple[int, int, int]:
    """Epochs of a row in all, of the whole network, and of search."""
    config = load_config(CONFIG, options | dict(row.options))
    whole = times[time_name(OTHERS[0], None)]
    if row.network is not None:
        epochs = row.part * EPOCHS * whole / times[time_name(row, limit)]
        return max(round(epochs), 1), 0, 0
    if row.from_nothing:
        # Two paths a step.
        child = PATHS * times[time_name(row, None)]
        return max(round(EPOCHS * whole / child), FEWEST), 0, 0
    algorithm, number = build_model(config), config.own_images.num_images
    hook = HOOKS.build(config.custom_hooks[0])
    images = hook.num_batches * config.train_dataloader.batch_size
    part = algorithm.cost_term.limits['flops'] / algorithm.whole_cost['flops']
    labels = number if config.model.get('distillation') else 0
    planned = Times(
        *(whole, 0.0, 0, [part], scored_images(algorithm, images) + labels),
        trials=[hook.trial_part],
    )
    # The other rows have all of the time for their steps.
    seconds = EPOCHS * number * whole / (1 - BESIDES)
    tuned, (epochs,) = planned.epochs(seconds, number)
    more = max(row.tuned - tuned, 0)
    # Epochs of the search stage take two paths a step, of all costs.
    others = more + row.search_epochs * SEARCH_STEP
    epochs -= round(others * planned.whole / planned.children[0])
    return epochs + more + row.search_epochs, tuned + more, row.search_epochs


def _schedule(row: Row, epochs: int, tuned: int, searched: int) -> dict[str, Any]:
    """The options of a row's epochs."""
    alone = row.network is not None
    cosine = dict(
        type='CosineRestartLR',
        periods=[epochs] if alone else [tuned, epochs - tuned],
        restart_weights=[1] if alone else [1, 1],
        eta_min=0,
        begin=0,
        end=epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    )
    options = {
        'own_images.epochs': epochs,
        'param_scheduler.architecture': [cosine],
        'model.pretrain_epochs': tuned,
        'model.finetune_epochs': tuned + searched,
        'train_cfg.val_interval': epochs,
        'default_hooks.checkpoint.interval': epochs,
        **dict(row.options),
    }
    if alone:
        hook = dict(type='HandMadeChildHook', network=row.network)
        options['custom_hooks'] = [hook]
    return options


def _image_seconds(config: Config, algorithm, path: dict[str, str], size: int) -> float:
    """Processor seconds of a training step for an image, with its loading."""
    loader = config.train_dataloader
    data = DATASETS.build(loader.dataset)
    optimizer = torch.optim.AdamW(algorithm.architecture.parameters(), fused=True)
    algorithm.mutator.set_choices(path)
    for step in range(1 + STEPS):
        if step == 1:
            begin = time.process_time()
        for place in range(loader.batch_size):
            data[place]
        images = torch.zeros(loader.batch_size, 3, size, size)
        optimizer.zero_grad()
        algorithm.architecture(images, mode='tensor').sum().backward()
        optimizer.step()
    return (time.process_time() - begin) / STEPS / loader.batch_size


@torch.no_grad()
def accuracy_on(child: BaseModel, data_root: str) -> tuple[int, int]:
    """How many of the photos of validation and test the child is right about."""
    pipeline, correct, images = pipeline_of(child.cfg.test_dataloader), 0, 0
    for split in ('val', 'test'):
        data = ImageFolder(data_root=data_root, split=split, pipeline=pipeline)
        for batch in DataLoader(data, BATCH, collate_fn=default_collate):
            found = child.val_step(batch)
            correct += sum(int(s.pred_label.label == s.gt_label.label) for s in found)
            images += len(found)
    return correct, images
