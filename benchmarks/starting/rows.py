"""What is run from the configs to start from."""

import hashlib
import json
from pathlib import Path
from typing import Any

from mmengine.config import Config

from ..output import RESULTS

FILE = RESULTS / 'starting.json'
# Config by set of images; those of the second one are in a folder that is given.
SETS = {
    'digits': 'dsnas_supernet_1xb64_digits',
    'folder': 'dsnas_supernet_1xb64_folder',
}
# Of the folder: images are decoded where the time is taken, and small.
OF_FOLDER = {
    f'{loader}_dataloader.{option}': value
    for loader in ('train', 'val', 'test')
    for option, value in (('num_workers', 0), ('persistent_workers', False))
}
OF_FOLDER['own_images.input_size'] = 64
# The other way with weights, and the model that has it.
CONFIGS = Path(__file__).parents[2] / 'configs' / 'dsnas'
SHARING = {
    'digits': ('search, shared weights', 'shufflenetv2_small_elastic_supernet'),
    'folder': ('search, weights not shared', 'shufflenetv2_small_supernet'),
}
SEARCH = 'search'
ALONE = {
    'model.pretrain_epochs': 0,
    'model.finetune_epochs': 0,
    'default_hooks.compare_child': None,
}
# The cheapest candidate, and the one with the most layers.
CANDIDATES = 'shuffle_3x3', 'shuffle_xception'
OBVIOUS = [f'{candidate} everywhere' for candidate in CANDIDATES]
# Options of the config, by what is run.
ROWS: dict[str, dict[str, Any]] = {
    SEARCH: {},
    **{
        name: {
            **ALONE,
            'default_hooks.hand_made': dict(
                type='HandMadeChildHook', network=candidate
            ),
        }
        for name, candidate in zip(OBVIOUS, CANDIDATES)
    },
    "the paper's estimator": {
        'model.gradient_estimator.type': 'DSNASGradient',
        'default_hooks.compare_child': None,
    },
}


def rows_of(images: str) -> dict[str, dict[str, Any]]:
    """Options by what is run of a set of images."""
    row, model = SHARING[images]
    file = CONFIGS / '_base_' / 'models' / f'{model}.py'
    backbone = Config.fromfile(file).model.architecture.backbone
    blocks = {'model.architecture.backbone.arch_setting': backbone.arch_setting}
    return {**ROWS, row: blocks}


def recipe_of(images: str, row: str) -> str:
    """Tells the config and the options of a row from others."""
    config = Config.fromfile(CONFIGS / f'{SETS[images]}.py').to_dict()
    told = json.dumps([config, rows_of(images)[row], OF_FOLDER])
    return hashlib.sha256(told.encode()).hexdigest()[:16]


def name_of(images: str, row: str, seed: int) -> str:
    """Name of a result."""
    return f'{images}, {row}, {seed}'
