from pathlib import Path
from typing import Any, Mapping, NamedTuple, Sequence

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.model import BaseModel

from mmdsnas.datasets.packed_images import Packer
from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.subnets import (
    build_child,
    recorded_child_config,
    recorded_classes,
    recorded_input_size,
    use_recorded_pipeline,
)
from mmdsnas.subnets.checkpoint import SUBNET_PTH, load_checkpoint
from .building import building
from .run_config import load_config

Image = str | Path | np.ndarray


class Prediction(NamedTuple):
    """What a child says of an image.

    Attributes:
        label (int): The most probable class, from 0.
        name (str): Its name; empty where the child's file has none.
        score (float): Its probability.
        scores (np.ndarray): The probabilities of all classes.
        labels (list[int]): All classes that the child gives the image: ``label`` alone,
            or those of a head for several labels, which may be none.
    """

    label: int
    name: str
    score: float
    scores: np.ndarray
    labels: list[int]


def load_child(
    path: str | Path,
    config: str | Path | Config | None = None,
    *,
    trust_checkpoint: bool = False,
    **overrides: Any,
) -> BaseModel:
    """Loads a child network with its weights.

    Args:
        path (str | Path): ``subnet.pth``, another checkpoint of a search or of a
            child, or a work directory, whose ``subnet.pth`` is meant.
        config (str | Path | Config, optional): That of the search or the child, for a
            checkpoint that has none, such as those of MMRazor. By default what the
            checkpoint says, which runs no code.
        trust_checkpoint (bool): Whether code in the checkpoint may run.
        **overrides: Options that replace those of ``config``.

    Returns:
        BaseModel: A classifier on the CPU, in eval mode. ``cfg`` has the pipeline of
        its images and ``dataset_meta['classes']`` their names, as usual in OpenMMLab.

    Raises:
        CheckpointError: The checkpoint is missing or damaged, or of another network,
            or says nothing of how it is built.
        ConfigError: The config is wrong.
        SubnetError: The subnet belongs to another supernet.

    Example:
        >>> child = load_child('work_dirs/digits')
        >>> logits = child(torch.zeros(1, 3, 64, 64))
    """
    path = Path(path)
    if path.is_dir():
        path = path / SUBNET_PTH
    checkpoint = load_checkpoint(path, trust_checkpoint)
    if config is not None:
        config = load_config(
            config,
            overrides,
            input_size=recorded_input_size(checkpoint),
            num_classes=len(recorded_classes(checkpoint)),
        )
        use_recorded_pipeline(config, checkpoint, trust_checkpoint)
    elif (config := recorded_child_config(checkpoint, trust_checkpoint)) is None:
        raise CheckpointError(
            f'checkpoint {path} does not say how its network is built: give the '
            'config that it comes from as config.'
        )
    elif overrides:
        raise ConfigError(
            f'the options {", ".join(overrides)} need a config whose options they '
            'replace, but config is None.'
        )
    return complete_child(config, checkpoint, path, overrides)


def complete_child(
    config: Config,
    checkpoint: dict[str, Any],
    path: Path,
    options: Mapping[str, Any] | None = None,
) -> BaseModel:
    """A child that knows its pipeline and its classes; arguments: ``build_child``."""
    with building(config):
        child = build_child(config, checkpoint, path, options)
    child.cfg = config
    child.dataset_meta = dict(classes=recorded_classes(checkpoint))
    return child


def predict(
    child: BaseModel, images: Image | Sequence[Image], batch_size: int = 32
) -> list[Prediction]:
    """Classifies images.

    Args:
        child (BaseModel): From :func:`load_child` or :func:`search`; on a GPU if it
            was moved to one.
        images (Sequence): Files, or uint8 arrays of shape (H, W, 3) in RGB or (H, W)
            in grey; or a single one of these. An array of shape (N, H, W, 3), or of
            shape (N, H, W) with a W other than 3, is N of them. They go through the
            test pipeline.
        batch_size (int): How many are computed at a time, at least 1.

    Returns:
        list[Prediction]: In the order of the images.

    Raises:
        ConfigError: ``batch_size`` is below 1, or the child comes from elsewhere.
        DataError: An image does not exist or cannot be decoded, or an array has
            another shape or type.

    Example:
        >>> predict(child, 'five.png')[0].name
        '5'
    """
    if batch_size < 1:
        raise ConfigError(f'batch_size must be at least 1, but is {batch_size}.')
    if not hasattr(child, 'cfg'):
        raise ConfigError(
            'child must come from load_child or search, which know the pipeline of its '
            f'images, but is a {type(child).__name__} without a cfg.'
        )
    shape = getattr(images, 'shape', None)
    one = shape is not None and (len(shape) < 3 or len(shape) == 3 and shape[2] == 3)
    if one or isinstance(images, (str, Path)):
        images = [images]
    pack = Packer(child.cfg.test_dataloader.dataset.pipeline)
    names = child.dataset_meta['classes']
    found = []
    was_training = child.training
    child.eval()
    try:
        for start in range(0, len(images), batch_size):
            packed = [pack(image) for image in images[start : start + batch_size]]
            with torch.no_grad():
                samples = child.test_step(pseudo_collate(packed))
            found += [_prediction(sample, names) for sample in samples]
    finally:
        child.train(was_training)
    return found


def _prediction(sample: Any, names: Sequence[str]) -> Prediction:
    found = getattr(sample, 'pred_label', {})
    if 'score' not in found or 'label' not in found:
        raise ConfigError(
            'child must be a classifier, which gives images labels and scores, but '
            f'gives a {type(sample).__name__} without them.'
        )
    scores = found.score.cpu().numpy()
    label = int(scores.argmax())
    name, labels = names[label] if names else '', found.label.flatten().tolist()
    return Prediction(label, name, float(scores[label]), scores, labels)
