"""Images per second of one data worker: mmcls's default pipelines and ours.

Each pipeline has a data worker of its own, and they take turns, round by round. A
worker's time goes from the end of one batch to the end of the last one of its round:
reading, transforms, collating and sending. Its seconds of the CPU tell what it can do
on a core of its own, whatever else the machine does.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, NamedTuple, Sequence

import cv2
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader

from mmdsnas.datasets import ImageNet
from .data_stages import parts_of_loading, stages
from .pictures import QUALITY, write_pictures

CONFIGS = Path(__file__).parents[2] / 'configs' / 'dsnas' / '_base_' / 'datasets'


class Setting(NamedTuple):
    """Images and what is to become of them."""

    config: str
    size: tuple[int, int]
    # Of the images that the command is asked for, for larger ones.
    share: float


SETTINGS = (
    Setting('imagenet_bs128_openmmlab', (500, 375), 1),
    Setting('folder_bs64', (500, 375), 1),
    Setting('imagenet_bs128_openmmlab', (2000, 1500), 1 / 4),
    # What files would take that were stored with a short edge of 256 pixels.
    Setting('imagenet_bs128_openmmlab', (341, 256), 1),
)
BATCH = 8
# The first transform of the default pipelines.
LOAD = dict(type='LoadImageFromFile')
# JPEGs of 500 x 375, and rounds after one that warms up.
IMAGES, ROUNDS = 64, 9


def pipelines(
    images: int = IMAGES,
    rounds: int = ROUNDS,
    settings: Sequence[Setting] = SETTINGS,
) -> dict[str, Any]:
    """Measures the default pipelines and ours.

    Args:
        images (int): How many JPEGs of 500 x 375.
        rounds (int): How often each worker has its turn.
        settings (Sequence[Setting]): On which images, all by default.

    Returns:
        dict: ``quality`` of the JPEGs, ``opencv`` (its version) and ``settings``, see
        :func:`measure`.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with DefaultScope.overwrite_default_scope('mmdsnas'):
            measured = [
                measure(setting, int(images * setting.share), rounds)
                for setting in settings
            ]
    finally:
        torch.set_num_threads(threads)
    return dict(quality=QUALITY, opencv=cv2.__version__, settings=measured)


def faster(pipeline: Sequence[dict]) -> list[dict]:
    """A pipeline of a config with our transform for its first two."""
    _, resize, *others = pipeline
    ours = dict(RandomResizedCrop='LoadRandomResizedCrop', ResizeEdge='LoadResizeEdge')[
        resize['type'].split('.')[-1]
    ]
    options = {k: v for k, v in resize.items() if k not in ('type', 'edge')}
    return [dict(type=f'mmdsnas.{ours}', **options), *others]


def stamped(batch: Sequence) -> tuple[float, float, Any]:
    """Collates, and tells the time and the CPU time of the worker."""
    return time.perf_counter(), time.process_time(), default_collate(batch)


def one_thread(worker_id: int) -> None:
    """Lets a worker have one thread."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def rates(loader: DataLoader) -> tuple[float, float]:
    """Images per second, and per second of the CPU, of a loader's worker."""
    stamps = [batch[:2] for batch in loader]
    wall, cpu = (last - first for first, last in zip(stamps[0], stamps[-1]))
    images = BATCH * (len(stamps) - 1)
    return images / wall, images / cpu


def differences(ours: ImageNet, theirs: ImageNet) -> dict[str, float]:
    """Compares the images that two pipelines make with the same random numbers."""
    means, largest = [], []
    for i in range(len(ours)):
        images = []
        for dataset in (ours, theirs):
            np.random.seed(i)
            images.append(dataset[i]['inputs'].int())
        difference = (images[0] - images[1]).abs()
        means.append(difference.float().mean().item())
        largest.append(difference.max().item())
    return dict(
        mean=statistics.mean(means),
        largest=max(largest),
        equal_images=sum(most == 0 for most in largest) / len(largest),
    )


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method='inclusive')
    return dict(median=middle, low=low, high=high)


def measure(setting: Setting, number: int, rounds: int) -> dict[str, Any]:
    """Measures the pipelines of a config.

    Args:
        setting (Setting): Which config, on which images.
        number (int): How many images.
        rounds (int): How often each worker has its turn.

    Returns:
        dict: Of ``train`` and ``test``, numbers by what they are.
    """
    config = Config.fromfile(CONFIGS / f'{setting.config}.py')
    result: dict[str, Any] = dict(setting._asdict(), images=number)
    with tempfile.TemporaryDirectory() as folder:
        result['bytes'] = write_pictures(Path(folder), number, setting.size)
        for split in ('train', 'test'):
            default = [LOAD, *config[f'{split}_pipeline'][1:]]
            datasets = {
                name: ImageNet(
                    data_root=folder, data_prefix='train', ann_file='', pipeline=steps
                )
                for name, steps in dict(default=default, ours=faster(default)).items()
            }
            loaders = {
                name: DataLoader(
                    dataset,
                    BATCH,
                    num_workers=1,
                    persistent_workers=True,
                    worker_init_fn=one_thread,
                    collate_fn=stamped,
                )
                for name, dataset in datasets.items()
            }
            speed: dict[str, list] = {name: [] for name in loaders}
            for turn in range(rounds + 1):  # the first one warms up
                for name in sorted(loaders, reverse=turn % 2 == 1):
                    speed[name].append(rates(loaders[name]))
            wall, cpu = (
                {name: [pair[i] for pair in of[1:]] for name, of in speed.items()}
                for i in range(2)
            )
            del loaders
            result[split] = dict(
                per_second={name: spread(of) for name, of in wall.items()},
                per_cpu_second={name: spread(of) for name, of in cpu.items()},
                ratio=spread([b / a for a, b in zip(cpu['default'], cpu['ours'])]),
                difference=differences(datasets['ours'], datasets['default']),
                microseconds=stages(datasets, BATCH),
            )
        result['loading'] = parts_of_loading(datasets['default'])
    return result
