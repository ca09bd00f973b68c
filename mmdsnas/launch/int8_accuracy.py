"""How good a child is in int8, beside what it is in float32."""

import sys
from logging import WARNING
from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from mmengine.model import BaseModel
from mmengine.registry import DefaultScope
from torch import Tensor

from mmdsnas.datasets.packed_images import Images, find_images
from mmdsnas.models.int8 import Int8
from mmdsnas.registry import SCOPE
from mmdsnas.subnets import use_recorded_pipeline
from mmdsnas.subnets.checkpoint import SUBNET_YAML, load_checkpoint
from mmdsnas.subnets.child import save_child
from mmdsnas.subnets.metadata import INT8, meta_of
from .children import load_child
from .plain_config import plain_config

# Images of the training set for the ranges of feature maps.
CALIBRATED = 200


def keep_int8_accuracy(config: Config, file: Path) -> None:
    """Measures the accuracy of a finished child in int8, once; its file keeps it.

    It is quantized as an export does it, see :class:`~mmdsnas.models.int8.Int8`, with
    images of the training set, and evaluated on the images that its accuracy is of. A
    warning if that fails: no run of hours ends for want of it.

    Args:
        config (Config): Of the search.
        file (Path): ``subnet.pth`` of the child.
    """
    checkpoint = load_checkpoint(file)
    meta = meta_of(checkpoint)
    if INT8 in meta or meta.get('predicted_on') is None:
        return
    made = plain_config(config)
    use_recorded_pipeline(made, checkpoint)
    # Outside of a run there is none.
    scope = made.get('default_scope') or SCOPE
    try:
        with DefaultScope.overwrite_default_scope(scope):
            calibration = find_images(made, CALIBRATED, 'train')
            images = find_images(made, sys.maxsize, meta['predicted_on'])
            percent = _percent(load_child(file), calibration, images)
    # Whatever it is: all children are trained, and front.csv is not written yet.
    except Exception as error:
        print_log(f'{file} has no accuracy in int8: {error}', 'current', WARNING)
        return
    if percent is not None:
        meta = {**checkpoint['meta'], INT8: percent}
        save_child({**checkpoint, 'meta': meta}, file, file.with_name(SUBNET_YAML))


@torch.no_grad()
def _percent(child: BaseModel, calibration: Images, images: Images) -> float | None:
    """The accuracy in %; None of images with several labels."""
    int8, right, number = Int8(), 0, 0
    child.to(get_device())

    def logits(inputs: Tensor) -> Tensor:
        data = child.data_preprocessor(dict(inputs=inputs))
        return child(data['inputs'], mode='tensor')

    int8.calibrate(logits, (batch for batch, _ in calibration))
    for batch, labels in images:
        if None in labels:
            return None
        with int8.executing():
            predicted = logits(batch).argmax(1).tolist()
        right += sum(p == label for p, label in zip(predicted, labels))
        number += len(labels)
    return 100 * right / number
