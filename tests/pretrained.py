"""A search in a small network with weights of its own, on a few images."""

from pathlib import Path

import cv2
import numpy as np
import torch

from mmdsnas.utils.paths import find_config
from tests.elastic import pretrained

SEARCH = 'dsnas_pretrained_1xb32_folder'
CHILD = 'dsnas_pretrained-subnet_1xb32_folder'
CLASSES = ('ant', 'bee')
# Another network than the config's, whose weights need not be installed.
NETWORK = """
_base_ = {base!r}
network = dict(
    backbone=dict(
        backbone=dict(
            _delete_=True,
            type='mmcls.MobileNetV2',
            widen_factor=0.1,
            init_cfg=dict(
                type='Pretrained', checkpoint={weights!r}, prefix='backbone.'
            ),
        ),
        expansions=[3],
    ),
)
model = dict({part}=network)
train_dataloader = dict(num_workers=0, persistent_workers=False)
val_dataloader = dict(num_workers=0, persistent_workers=False)
test_dataloader = dict(num_workers=0, persistent_workers=False)
own_images = dict({own})
"""
# What takes long otherwise.
SHORT = """
default_hooks = dict(search_plan=dict(time_steps=False))
custom_hooks = [
    dict(
        type='ChooseChildHook', num_batches=1, num_paths=2, num_finalists=2
    )
]
"""


def write_folder(folder: Path, **splits: int) -> str:
    """Writes images that differ by their class: dark ants, bright bees.

    Args:
        folder (Path): Is created.
        **splits: How many of each class, by the name of the folder.
    """
    random = np.random.default_rng(0)
    for split, number in splits.items():
        for k, name in enumerate(CLASSES):
            place = folder / split / name
            place.mkdir(parents=True)
            for i in range(number):
                image = random.integers(128 * k, 128 * k + 128, (40, 50, 3))
                assert cv2.imwrite(str(place / f'{i}.png'), image.astype(np.uint8))
    return str(folder)


def write_config(folder: Path, search: bool = True, **own: object) -> str:
    """Writes the config of a short search in a network, or that of its child.

    Args:
        folder (Path): Gets it, and the weights.
        search (bool): Whether it is that of the search.
        **own: Parts of ``own_images``.
    """
    weights = folder / 'weights.pth'
    torch.save(dict(state_dict=pretrained(7).state_dict()), weights)
    text = NETWORK.format(
        base=str(find_config(SEARCH if search else CHILD)),
        part='architecture' if search else 'cfg',
        weights=str(weights),
        own=', '.join(f'{name}={value!r}' for name, value in own.items()),
    )
    file = folder / f'{"search" if search else "child"}.py'
    file.write_text(text + SHORT * search)
    return str(file)
