"""Evaluating a network aside from the run: no hook takes it for a validation."""

import copy
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator

import numpy as np
import torch
from mmengine.config import Config
from mmengine.dist import get_world_size
from mmengine.evaluator import DumpResults
from mmengine.model import BaseModel
from mmengine.runner import Runner, ValLoop
from mmengine.runner.amp import autocast
from torch.utils.data import DataLoader, IterableDataset

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import recalibrate
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.models.state import state_kept
from mmdsnas.subnets import build_child, child_config
from mmdsnas.subnets.checkpoint import load_checkpoint
from mmdsnas.subnets.metadata import meta_of
from mmdsnas.utils.data_sets import data_sets, pipeline_of
from mmdsnas.utils.foreign import telling
from mmdsnas.utils.plain import plain
from mmdsnas.utils.random_state import random_states_kept
from mmdsnas.utils.ranks import on_rank_0

# Images that a network is tried on, at most.
TRIED = 32
# Where the meta of a child's file has its metrics of the test.
KEY = 'test_metrics'


@torch.no_grad()
def evaluate(val_step: Callable[[Any], Any], loop: ValLoop) -> dict[str, Any]:
    """All that the evaluator of a loop, over all ranks, says of a network.

    Args:
        val_step (Callable): That of a model in eval mode: outputs of a batch.
        loop (ValLoop): Data, evaluator and precision; no hooks are called.
    """
    evaluator, data = loop.evaluator, loop.dataloader
    for batch in data:
        with autocast(enabled=loop.fp16):
            outputs = val_step(batch)
        evaluator.process(data_samples=outputs, data_batch=batch)
    return evaluator.evaluate(len(data.dataset))


@torch.no_grad()
def evaluate_path(
    algorithm: DSNAS, path: Path, batches: Iterable[Any], loop: ValLoop, seed: int
) -> dict[str, Any]:
    """Evaluates a path of a supernet with the weights that it has.

    Running statistics of BatchNorm are those of the path, computed anew (Guo et al.,
    ECCV 2020, section 3.4); the model and random states are as they were afterwards.

    Args:
        algorithm (DSNAS): The search.
        path (dict[str, str]): Candidate by group.
        batches (Iterable): Training batches for the statistics.
        loop (ValLoop): Data, evaluator and precision.
        seed (int): Of what a data loader draws.
    """
    with random_states_kept(seed), state_kept(algorithm), algorithm.executing(path):
        recalibrate(algorithm, batches)
        algorithm.eval()
        return evaluate(algorithm.val_step, loop)


@contextmanager
def no_side_effects(model: BaseModel, training: bool = False) -> Iterator[None]:
    """A model in this mode, without gradients; all states are put back."""
    with state_kept(model), random_states_kept(0), torch.no_grad():
        model.train(training)
        yield


def try_evaluation(model: BaseModel, loop: ValLoop, name: str) -> dict[str, Any]:
    """Evaluates a few images, so that what does not fit shows before the training.

    It gives the metrics, whose values say nothing; none of data without a length.

    Args:
        model (BaseModel): In :func:`no_side_effects`.
        loop (ValLoop): Data, evaluator and precision.
        name (str): Of the loop for messages: ``'val'``, say.

    Raises:
        ConfigError: They do not fit each other.
    """
    with telling(f'the images of the dataloader of {name} cannot be loaded'):
        batch = some_images(loop.dataloader)
    if batch is None:
        return {}
    with telling(f'the network cannot take the images of the dataloader of {name}'):
        with autocast(enabled=loop.fp16):
            outputs = model.val_step(batch)
    # A copy keeps nothing of them, nor is a file written of them.
    evaluator = copy.deepcopy(loop.evaluator)
    metrics = [m for m in evaluator.metrics if not isinstance(m, DumpResults)]
    evaluator.metrics = metrics
    unfit = f'the evaluator of {name} cannot judge what the network says of its images'
    with telling(unfit):
        _check_topk(metrics, outputs, name)
        evaluator.process(data_samples=outputs, data_batch=batch)
        return evaluator.evaluate(_number(loop.dataloader, TRIED) * get_world_size())


def some_images(loader: DataLoader, number: int = TRIED) -> Any:
    """A batch of images that are evenly spread over the data; None of a stream.

    It is no larger than the loader's own batches.
    """
    data = loader.dataset
    if isinstance(data, IterableDataset) or loader.batch_sampler is None:
        return None
    places = np.linspace(0, len(data) - 1, _number(loader, number))
    return loader.collate_fn([data[i] for i in places.round().astype(int).tolist()])


def _number(loader: DataLoader, number: int) -> int:
    size = getattr(loader.batch_sampler, 'batch_size', number)
    return min(number, size, len(loader.dataset))


def _check_topk(metrics: list[Any], outputs: Iterable[Any], name: str) -> None:
    """Refuses metrics of more classes than there are, which torch says in riddles."""
    label = getattr(next(iter(outputs), None), 'pred_label', None)
    if 'score' not in (label or ()):
        return
    for topk in [getattr(metric, 'topk', None) or 0 for metric in metrics]:
        if np.max(topk) > len(label.score):
            raise ConfigError(
                f'topk of the evaluator of {name} must be at most {len(label.score)}, '
                f'the number of classes, but is {topk}.'
            )


def has_test_data(runner: Runner) -> bool:
    """Whether a run validates, and has other data to test its child on."""
    val, test = (runner.cfg.get(f'{name}_dataloader') for name in ('val', 'test'))
    if runner.val_loop is None or not val or not test:
        return False
    # How the images are loaded does not say which they are.
    validated, tested = (
        {k: {**part, 'pipeline': None} for k, part in data_sets(loader).items()}
        for loader in (val, test)
    )
    return validated != tested


def evaluate_child(
    runner: Runner, path: str, watch: Callable[[Any], None]
) -> dict[str, Any] | None:
    """Tests the child of a search as its file has it, on data that no epoch saw.

    Args:
        runner (Runner): That of the search.
        path (str): The file of the child, on the machine of rank 0.
        watch (Callable): Is given the outputs of each batch.

    Returns:
        dict | None: The checkpoint, with the metrics in its ``meta``; None if it had
        them.
    """
    checkpoint = on_rank_0(lambda: load_checkpoint(path), 'load the child')
    if KEY in meta_of(checkpoint):
        return None
    # Not by what the file says: the run's classes need not be registered, and the
    # file may have lain there before.
    edge = meta_of(checkpoint)['input_shape'][-1]
    config = child_config(runner.cfg, edge)
    if config is None:
        why = 'its config does not say how it is built.'
        runner.logger.warning(f'The child is not tested: {why}')
        return None
    child = build_child(Config(config), checkpoint, path)
    child.to(next(runner.model.parameters()).device)

    def val_step(batch: Any) -> Any:
        outputs = child.val_step(batch)
        watch(outputs)
        return outputs

    metrics = plain(evaluate(val_step, _test_loop(runner, config)))
    return {**checkpoint, 'meta': {**meta_of(checkpoint), KEY: metrics}}


def _test_loop(runner: Runner, config: dict[str, Any]) -> ValLoop:
    """The test of a run, with the images as its child has them."""
    loop, loader = runner.test_loop, copy.deepcopy(runner.cfg.test_dataloader)
    pipeline = config['test_dataloader']['dataset']['pipeline']
    if pipeline == plain(pipeline_of(loader)):
        return loop
    for part in data_sets(loader).values():
        part['pipeline'] = pipeline
    return ValLoop(runner, loader, loop.evaluator, fp16=loop.fp16)
