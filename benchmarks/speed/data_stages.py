"""Where a data worker's time goes."""

import statistics
import time
from multiprocessing.reduction import ForkingPickler
from typing import Any, Callable, Mapping

import cv2
import numpy as np
from mmengine import fileio
from mmengine.dataset import default_collate

from mmdsnas.datasets import ImageNet

# What comes from the file alone, whatever a pipeline makes of it.
READ, ENTROPY, DECODE = 'read the file', 'decode at 1/8, gray', 'decode'


def stages(datasets: Mapping[str, ImageNet], batch: int) -> dict[str, dict[str, float]]:
    """Times what a data worker does for an image, on one thread of this process.

    Args:
        datasets (Mapping[str, ImageNet]): The whole pipeline of each is timed, image
            by image; they take turns, batch by batch.
        batch (int): Images per batch.

    Returns:
        dict[str, dict[str, float]]: Of each data set the median of the microseconds of
        the CPU for one image, by what is done. Sending is that of a batch that lies in
        shared memory, into which a worker collates.
    """
    cv2.setNumThreads(1)
    times: dict[str, dict[str, list[float]]] = {name: {} for name in datasets}

    def timed(of: str, name: str, images: int, function: Callable, *args) -> Any:
        start = time.thread_time()
        result = function(*args)
        times[of].setdefault(name, []).append((time.thread_time() - start) / images)
        return result

    length = min(map(len, datasets.values()))
    for first in range(0, length - batch + 1, batch):
        for of, dataset in datasets.items():
            items = []
            for i in range(first, first + batch):
                item = timed(of, 'look up', 1, dataset.get_data_info, i)
                for transform in dataset.pipeline.transforms:
                    item = timed(of, type(transform).__name__, 1, transform, item)
                items.append(item)
            collated = timed(of, 'collate', batch, default_collate, items)
            collated['inputs'].share_memory_()
            sent = timed(of, 'send', batch, ForkingPickler.dumps, collated)
            ForkingPickler.loads(sent)  # frees what it holds
    return {name: _medians(of) for name, of in times.items()}


def parts_of_loading(dataset: ImageNet) -> dict[str, float]:
    """Times what has to be done to load an image, whatever it becomes.

    Args:
        dataset (ImageNet): Of JPEGs.

    Returns:
        dict[str, float]: As above. libjpeg cannot leave out the entropy decoding,
        of which an eighth of the edges without colours is nearly all.
    """
    times: dict[str, list[float]] = {READ: [], ENTROPY: [], DECODE: []}
    flags = {ENTROPY: cv2.IMREAD_REDUCED_GRAYSCALE_8, DECODE: cv2.IMREAD_COLOR}
    for i in range(len(dataset)):
        start = time.thread_time()
        content = fileio.get(dataset.get_data_info(i)['img_path'])
        times[READ].append(time.thread_time() - start)
        for name, flag in flags.items():
            start = time.thread_time()
            cv2.imdecode(np.frombuffer(content, np.uint8), flag)
            times[name].append(time.thread_time() - start)
    return _medians(times)


def _medians(times: dict[str, list[float]]) -> dict[str, float]:
    return {name: statistics.median(of) * 1e6 for name, of in times.items()}
