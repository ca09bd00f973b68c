"""Images per second of one data worker that keeps what it has decoded.

In each round come the default pipeline, decoding alone, and ours in its first epoch and
in a later one, every time with a worker of its own, as a training has it in each epoch.
"""

import shutil
import tempfile
from pathlib import Path
from typing import Any, NamedTuple, Sequence

import cv2
import numpy as np
from mmengine.config import Config
from mmengine.registry import DefaultScope
from torch.utils.data import DataLoader, Dataset

from mmdsnas.datasets import ImageNet
from .data import BATCH, CONFIGS, LOAD, one_thread, rates, spread, stamped
from .pictures import QUALITY, write_pictures

CONFIG = 'folder_bs64'
ROUNDS = 7
DEFAULT, DECODING, FIRST, LATER = (
    *('default', 'decoding alone'),
    *('first epoch', 'later epochs'),
)


class Files(NamedTuple):
    """JPEGs of a size, so many pictures, and files of each of them."""

    size: tuple[int, int]
    pictures: int
    files: int


# Of the size of ImageNet's, and of a phone's.
FILES = (Files((500, 375), 64, 1), Files((4000, 3000), 4, 4))


class Decoding(Dataset):
    """Decodes files that are in memory, and does nothing with them."""

    def __init__(self, files: Sequence[Path]) -> None:
        self.contents = [np.fromfile(file, np.uint8) for file in files]

    def __len__(self) -> int:
        return len(self.contents)

    def __getitem__(self, index: int) -> int:
        return len(cv2.imdecode(self.contents[index], cv2.IMREAD_COLOR))


def kept_images(
    settings: Sequence[Files] = FILES, rounds: int = ROUNDS
) -> dict[str, Any]:
    """Measures in all settings.

    Args:
        settings (Sequence[Files]): Which JPEGs.
        rounds (int): How often each has its turn, after one that warms up.

    Returns:
        dict: ``quality`` of the JPEGs, ``config``, and ``settings``, see
        :func:`measure`.
    """
    with DefaultScope.overwrite_default_scope('mmdsnas'):
        measured = [measure(each, rounds) for each in settings]
    return dict(quality=QUALITY, config=CONFIG, settings=measured)


def measure(setting: Files, rounds: int) -> dict[str, Any]:
    """Measures on JPEGs of one size.

    Args:
        setting (Files): Which.
        rounds (int): See :func:`kept_images`.

    Returns:
        dict: Numbers by what they are, of the training pipeline.
    """
    pipeline = Config.fromfile(CONFIGS / f'{CONFIG}.py').train_pipeline
    speed: dict[str, list[tuple[float, float]]] = {
        name: [] for name in (DEFAULT, DECODING, FIRST, LATER)
    }
    with tempfile.TemporaryDirectory() as folder:
        size = write_pictures(Path(folder), setting.pictures, setting.size)
        files = _copied(Path(folder), setting.files)

        def images(first: dict[str, Any]) -> ImageNet:
            return ImageNet(
                data_root=folder,
                data_prefix='train',
                ann_file='',
                pipeline=[first, *pipeline[1:]],
            )

        decoding, default = Decoding(files), images(LOAD)
        for turn in range(rounds + 1):  # the first one warms up
            # It has kept nothing yet.
            ours = images(pipeline[0])
            turns = [(DEFAULT, default), (DECODING, decoding), (FIRST, ours)]
            for name, dataset in turns[:: -1 if turn % 2 else 1]:
                speed[name].append(rate(dataset))
                if name == FIRST:
                    speed[LATER].append(rate(ours))
    wall, cpu = (
        {name: [pair[i] for pair in of[1:]] for name, of in speed.items()}
        for i in range(2)
    )
    ratios = {
        name: spread([b / a for a, b in zip(cpu[DEFAULT], cpu[name])])
        for name in (DECODING, FIRST, LATER)
    }
    return dict(
        setting._asdict(),
        bytes=size,
        per_second={name: spread(of) for name, of in wall.items()},
        per_cpu_second={name: spread(of) for name, of in cpu.items()},
        ratios=ratios,
    )


def rate(dataset: Dataset) -> tuple[float, float]:
    """Images per second, and per second of the CPU, of a worker that starts now."""
    return rates(
        DataLoader(
            dataset,
            BATCH,
            num_workers=1,
            worker_init_fn=one_thread,
            collate_fn=stamped,
        )
    )


def _copied(folder: Path, number: int) -> list[Path]:
    """Has so many files of each picture, and names them all."""
    for file in sorted(folder.rglob('*.JPEG')):
        for i in range(1, number):
            shutil.copy(file, file.with_stem(f'{file.stem}_{i}'))
    return sorted(folder.rglob('*.JPEG'))
