"""Images per second of one data worker: mmcls's default pipelines and ours.

    python -m benchmarks.speed.data --out data.json

Each pipeline has a data worker of its own, and they take turns, round by round. A
worker's time goes from the end of one batch to the end of the last one of its round:
reading, transforms, collating and sending. Its seconds of the CPU tell what it can do
on a core of its own, whatever else the machine does.
"""

import argparse
import json
import os
import platform
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any, Dict, List, NamedTuple, Sequence, Tuple

import cv2
import mmcls
import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import default_collate
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader

from benchmarks.speed.data_stages import parts_of_loading, stages
from benchmarks.speed.pictures import QUALITY, write_pictures
from mmdsnas.datasets import ImageNet
from mmdsnas.models.cost.latency_backends import hardware
from mmdsnas.utils.files import write_atomically

CONFIGS = Path(__file__).parents[2] / 'configs' / 'dsnas' / '_base_' / 'datasets'


class Setting(NamedTuple):
    """Images and what is to become of them."""

    config: str
    size: Tuple[int, int]
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


def faster(pipeline: Sequence[Dict]) -> List[Dict]:
    """A pipeline of a config with our transform for its first two."""
    _, resize, *others = pipeline
    ours = dict(RandomResizedCrop='LoadRandomResizedCrop', ResizeEdge='LoadResizeEdge')[
        resize['type'].split('.')[-1]
    ]
    options = {k: v for k, v in resize.items() if k not in ('type', 'edge')}
    return [dict(type=f'mmdsnas.{ours}', **options), *others]


def stamped(batch: Sequence) -> Tuple[float, float, Any]:
    """Collates, and tells the time and the CPU time of the worker."""
    return time.perf_counter(), time.process_time(), default_collate(batch)


def one_thread(worker_id: int) -> None:
    """Lets a worker have one thread."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)


def rates(loader: DataLoader) -> Tuple[float, float]:
    """Images per second, and per second of the CPU, of a loader's worker."""
    stamps = [batch[:2] for batch in loader]
    wall, cpu = (last - first for first, last in zip(stamps[0], stamps[-1]))
    images = BATCH * (len(stamps) - 1)
    return images / wall, images / cpu


def differences(ours: ImageNet, theirs: ImageNet) -> Dict[str, float]:
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


def spread(values: Sequence[float]) -> Dict[str, float]:
    """Median and quartiles."""
    low, middle, high = statistics.quantiles(values, n=4, method='inclusive')
    return dict(median=middle, low=low, high=high)


def measure(setting: Setting, number: int, rounds: int) -> Dict[str, Any]:
    """Measures the pipelines of a config.

    Args:
        setting (Setting): Which config, on which images.
        number (int): How many images.
        rounds (int): How often each worker has its turn.

    Returns:
        dict: Of ``train`` and ``test``, numbers by what they are.
    """
    config = Config.fromfile(CONFIGS / f'{setting.config}.py')
    result: Dict[str, Any] = dict(setting._asdict(), images=number)
    with tempfile.TemporaryDirectory() as folder:
        result['bytes'] = write_pictures(Path(folder), number, setting.size)
        for split in ('train', 'test'):
            default = config[f'{split}_pipeline']
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
            speed: Dict[str, List] = {name: [] for name in loaders}
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


def print_tables(results: Sequence[Dict[str, Any]]) -> None:
    """Prints what was measured."""
    print('Images per second of the CPU, one worker: median (quartiles)\n')
    row = '{:34}{:>20}{:>20}{:>20}{:>24}'
    print(row.format('', 'default', 'ours', 'ratio', 'pixels: mean, largest'))
    for result in results:
        for split in ('train', 'test'):
            of = result[split]
            cells = [
                '{median:.0f} ({low:.0f}-{high:.0f})'.format(**of['per_cpu_second'][k])
                for k in ('default', 'ours')
            ]
            cells.append('{median:.2f} ({low:.2f}-{high:.2f})'.format(**of['ratio']))
            cells.append('{mean:.2f}, {largest}'.format(**of['difference']))
            print(row.format(_name(result, split), *cells))
    print('\nMicroseconds of the CPU for one image\n')
    for result in results:
        parts = ', '.join(f'{k} {v:.0f}' for k, v in result['loading'].items())
        print(f'{result["bytes"] / 1000:.0f} KB: {parts}')
        for split in ('train', 'test'):
            for name, times in result[split]['microseconds'].items():
                parts = ', '.join(f'{k} {v:.0f}' for k, v in times.items())
                total = sum(times.values())
                print(f'{_name(result, split)} {name}: {parts}; in all {total:.0f}')


def _name(result: Dict[str, Any], split: str) -> str:
    return '{} {}x{} {}'.format(result['config'][:8], *result['size'], split)


def machine() -> Dict[str, Any]:
    """What the numbers depend on."""
    return dict(
        cpu=hardware('cpu'),
        cores=len(os.sched_getaffinity(0)),
        load=os.getloadavg()[0],
        threads_per_worker=1,
        python=platform.python_version(),
        torch=torch.__version__,
        opencv=cv2.__version__,
        mmcls=mmcls.__version__,
    )


def main() -> None:
    """Measures, prints the tables and writes the file."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--out', type=Path, help='file for the numbers (JSON)')
    parser.add_argument(
        '--images', type=int, default=128, help='JPEGs of 500 x 375 (%(default)s)'
    )
    parser.add_argument('--rounds', type=int, default=9, help='(%(default)s)')
    args = parser.parse_args()
    if args.images * min(setting.share for setting in SETTINGS) < 2 * BATCH:
        parser.error(f'--images must be at least {8 * BATCH}.')
    if args.rounds < 2:
        parser.error('--rounds must be at least 2.')
    init_default_scope('mmdsnas')
    torch.set_num_threads(1)
    described = machine()
    results = [
        measure(setting, int(args.images * setting.share), args.rounds)
        for setting in SETTINGS
    ]
    print_tables(results)
    print(f'\n{described}')
    if args.out:
        content = dict(
            machine=described, rounds=args.rounds, quality=QUALITY, results=results
        )
        with write_atomically(args.out) as temporary:
            temporary.write_text(json.dumps(content, indent=1) + '\n')


if __name__ == '__main__':
    main()
