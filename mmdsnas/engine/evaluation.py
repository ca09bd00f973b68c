"""Evaluating a network aside from the run: no hook takes it for a validation."""

import copy
import traceback
from contextlib import contextmanager
from typing import Any, Dict, Iterator

import numpy as np
import torch
from mmengine.dist import get_world_size
from mmengine.model import BaseModel
from mmengine.runner import ValLoop
from mmengine.runner.amp import autocast
from torch.utils.data import DataLoader, IterableDataset

from mmdsnas.errors import ConfigError, UserError
from mmdsnas.utils.random_state import seeded_aside

# Images that a network is tried on.
TRIED = 32


@torch.no_grad()
def evaluate(model: BaseModel, loop: ValLoop) -> Dict[str, Any]:
    """All that an evaluator says of a network as it stands.

    Args:
        model (BaseModel): In eval mode.
        loop (ValLoop): Data, evaluator, which gathers over the ranks, and precision.
    """
    evaluator, data = loop.evaluator, loop.dataloader
    for batch in data:
        with autocast(enabled=loop.fp16):
            outputs = model.val_step(batch)
        evaluator.process(data_samples=outputs, data_batch=batch)
    return evaluator.evaluate(len(data.dataset))


@contextmanager
def aside(model: BaseModel) -> Iterator[BaseModel]:
    """A model in eval mode, without gradients; modes and random states are put back."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        with seeded_aside(0), torch.no_grad():
            yield model.eval()
    finally:
        for module, training in modes:
            module.training = training


def try_evaluation(model: BaseModel, loop: ValLoop, name: str) -> Dict[str, Any]:
    """Evaluates a few images, so that what does not fit shows before the training.

    Args:
        model (BaseModel): In :func:`aside`.
        loop (ValLoop): Data, evaluator and precision.
        name (str): Whose they are, ``'val'`` for example.

    Returns:
        dict: The metrics, whose values say nothing; none of data without a length.

    Raises:
        ConfigError: Network, data and evaluator do not fit each other.
    """
    batch = some_images(loop.dataloader)
    if batch is None:
        return {}
    with telling(f'the network cannot take the images of the dataloader of {name}'):
        with autocast(enabled=loop.fp16):
            outputs = model.val_step(batch)
    # A copy keeps nothing of them.
    evaluator = copy.deepcopy(loop.evaluator)
    _check_topk(evaluator, outputs, name)
    with telling(
        f'the evaluator of {name} cannot judge what the network says of its images'
    ):
        evaluator.process(data_samples=outputs, data_batch=batch)
        return evaluator.evaluate(len(outputs) * get_world_size())


def some_images(loader: DataLoader, number: int = TRIED) -> Any:
    """A batch of images that are evenly spread over the data; None of a stream."""
    data = loader.dataset
    if isinstance(data, IterableDataset):
        return None
    number = min(number, len(data))
    indices = np.linspace(0, len(data) - 1, number).round().astype(int).tolist()
    return loader.collate_fn([data[i] for i in indices])


@contextmanager
def telling(what: str) -> Iterator[None]:
    """Lets errors of foreign code be those of a config that does not fit it."""
    try:
        yield
    except (UserError, torch.OutOfMemoryError):
        raise
    except (
        *(ArithmeticError, AssertionError, AttributeError, LookupError),
        *(NotImplementedError, RuntimeError, TypeError, ValueError),
    ) as error:
        *_, place = traceback.extract_tb(error.__traceback__)
        reason = ' '.join(str(error).split()) or 'no reason given'
        raise ConfigError(
            f'{what}: {type(error).__name__} in {place.filename}, line {place.lineno}: '
            f'{reason}'
        ) from error


def _check_topk(evaluator: Any, outputs: Any, name: str) -> None:
    """Refuses metrics of more classes than there are, which torch says in riddles."""
    label = getattr(outputs[0], 'pred_label', None) if len(outputs) else None
    if 'score' not in (label or ()):
        return
    classes = len(label.score)
    for metric in evaluator.metrics:
        topk = getattr(metric, 'topk', None)
        most = max(topk if isinstance(topk, (list, tuple)) else [topk or 0])
        if most > classes:
            raise ConfigError(
                f'topk of the evaluator of {name} must be at most {classes}, the '
                f'number of classes, but is {topk}.'
            )
