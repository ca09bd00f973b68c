"""What is compared on photos of one's own, each trained for the same time."""

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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
from mmdsnas.launch.time_plan import Times, scored_images
from mmdsnas.registry import DATASETS
from mmdsnas.utils.data_sets import pipeline_of
from ..output import RESULTS

CONFIG = 'dsnas_pretrained_1xb32_folder'
FILE = RESULTS / 'own_images.json'
# Pixels of the photos' edge, and the whole network's epochs that each row's time is.
SIZE, EPOCHS = 64, 8
# Steps that are timed, after one that is not.
STEPS = 4
# Of the whole network's MFLOPs. It costs 25.03 % at half of the edge: that is allowed.
LIMITS = ('25.1%', '50%')
# What a step of the search stage takes of one of the whole network; a guess.
SEARCH_STEP = 0.8
# Of a search from nothing: what its steps take of those of a path, and its epochs.
PATHS, FEWEST = 1.3, 3
BATCH = 64


@dataclass(frozen=True)
class Row:
    """A way to a network for some photos.

    Attributes:
        name (str): What the tables call it.
        network (str, optional): Made by hand, see ``HandMadeChildHook``; None: it is
            searched.
        search_epochs (int): Of the search stage.
        from_nothing (bool): Whether it is the search without a pretrained network.
        options (tuple): More options of the config.
    """

    name: str
    network: str | None = None
    search_epochs: int = 0
    from_nothing: bool = False
    options: tuple[tuple[str, Any], ...] = ()


# Of both limits; the others, of networks that no limit fits, are trained once.
ROWS = (
    Row('search'),
    Row('with distillation', options=(('model.distillation', dict(loss_weight=1.0)),)),
    Row('with a search stage', search_epochs=2),
    Row('whole network, smaller images', 'full'),
    Row('all blocks left out that can be', 'skip+full'),
    Row('expansion 4 everywhere', 'e4'),
    Row('blocks left out, expansion 4', 'skip+e4'),
    Row('random path', 'random'),
)
OTHERS = (
    Row('whole network', 'full'),
    Row('search from nothing', from_nothing=True),
)


def job_name(row: Row, limit: str | None, seed: int) -> str:
    """Name of a row's file of results."""
    words = [*row.name.replace(',', '').split(), limit or 'whole', str(seed)]
    return '-'.join(words).replace('%', '')


def run(data_root: str, row: Row, limit: str | None, seed: int, folder: str) -> dict:
    """Trains a row, and evaluates it on all photos that it was not trained on.

    Returns:
        dict: ``correct`` of ``images``, ``mflops``, ``input_size``, ``epochs``, and
        processor ``seconds``, of a ``budget``.
    """
    torch.set_num_threads(1)
    init_default_scope('mmdsnas')
    options = {
        'data_root': data_root,
        'own_images.input_size': SIZE,
        'own_images.minutes': None,
        'randomness.seed': seed,
        'model.cost': dict(limit=limit) if limit else None,
        **{f'{part}_dataloader.num_workers': 0 for part in ('train', 'val', 'test')},
        **{f'{part}_dataloader.persistent_workers': False for part in ('val', 'test')},
    }
    budget, *epochs = _plan(options, row, seed)
    if row.from_nothing:
        options |= {'own_images.pretrained': None, 'own_images.epochs': epochs[0]}
    else:
        options |= _schedule(row, *epochs)
    begin = time.process_time()
    found = mmdsnas.search(CONFIG, Path(folder), **options)
    seconds = time.process_time() - begin
    correct, images = _accuracy(found.child, data_root)
    return dict(
        correct=correct,
        images=images,
        mflops=found.cost['mflops'],
        input_size=found.meta['input_shape'][-1],
        epochs=epochs,
        seconds=seconds,
        budget=budget,
        subnet=found.subnet,
    )


def _plan(options: dict[str, Any], row: Row, seed: int) -> tuple[float, int, int, int]:
    """Processor time of a row; its epochs in all, of the whole network, of search."""
    config = load_config(CONFIG, options)
    algorithm = build_model(config).train()
    number = config.own_images.num_images
    whole = _image_seconds(config, algorithm, algorithm.first_path(), SIZE)
    budget = EPOCHS * number * whole
    if row.network is not None:
        hand_made = HandMadeChildHook(row.network)
        path = hand_made.choose(algorithm, seed)
        child = _image_seconds(config, algorithm, path, algorithm.child_edge)
        return budget, max(round(budget / (number * child)), 1), 0, 0
    if row.from_nothing:
        own = load_config(CONFIG, {**options, 'own_images.pretrained': None})
        other = build_model(own).train()
        path = other.mutator.derive_child()
        # Two paths a step.
        child = PATHS * _image_seconds(own, other, path, SIZE)
        return budget, max(round(budget / (number * child)), FEWEST), 0, 0
    hook = config.custom_hooks[0]
    images = hook['num_batches'] * config.train_dataloader.batch_size
    limits = algorithm.cost_term.limits
    part = limits['flops'] / algorithm.whole_cost['flops']
    times = Times(whole, 0.0, 0, part, scored_images(algorithm, images))
    tuned, epochs = times.epochs(budget, number)
    # Epochs of the search stage take two paths a step, of all costs.
    epochs -= round(row.search_epochs * SEARCH_STEP * times.whole / times.child)
    return budget, epochs + row.search_epochs, tuned, row.search_epochs


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
def _accuracy(child: BaseModel, data_root: str) -> tuple[int, int]:
    """How many of the photos of validation and test the child is right about."""
    pipeline, correct, images = pipeline_of(child.cfg.test_dataloader), 0, 0
    for split in ('val', 'test'):
        data = ImageFolder(data_root=data_root, split=split, pipeline=pipeline)
        for batch in DataLoader(data, BATCH, collate_fn=default_collate):
            found = child.val_step(batch)
            correct += sum(int(s.pred_label.label == s.gt_label.label) for s in found)
            images += len(found)
    return correct, images
