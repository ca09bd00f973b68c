"""One search of the benchmark, through mmengine's Runner."""

import tempfile
import time
import uuid
from itertools import islice
from pathlib import Path
from typing import Any, Sequence

import numpy as np
from mmengine.config import Config
from mmengine.runner import Runner

from mmdsnas.engine import CompareChildHook, EvolutionSelection
from mmdsnas.engine.evaluation import evaluate_path
from mmdsnas.engine.selection import PathScores, PathSpace
from mmdsnas.models import AdditiveGradient
from .truth import digits_of

CONFIGS = Path(__file__).parent / 'configs'
METRIC = 'accuracy/top1'
# Training batches that statistics of a path are computed on.
BATCHES = 20
EVOLUTION = dict(population=16, generations=3, top=8, num_mutation=8, num_crossover=8)


def search(method: str, limit: float, seed: int, images: str) -> dict[str, Any]:
    """Runs a search within a limit.

    Args:
        method (str): Name of a config.
        limit (float): On the child's MFLOPs.
        seed (int): Of the run.
        images (str): Folder of the images.

    Returns:
        dict: ``child``, its digits by limit, and processor ``seconds``.
    """
    name = 'search' if method == 'dsnas' else method
    began = time.process_time()
    algorithm = _train(name, seed, images, {'model.cost.limit': limit}).model
    path, told = algorithm.mutator.derive_child(), ''
    if isinstance(algorithm.gradient_estimator, AdditiveGradient):
        path, told = CompareChildHook().choose(algorithm)
    seconds = time.process_time() - began
    probable = digits_of(algorithm.mutator.derive_child())
    child = {f'{limit:g}': digits_of(path)}
    return dict(child=child, probable=probable, told=told, seconds=seconds)


def search_uniformly(limits: Sequence[float], seed: int, images: str) -> dict[str, Any]:
    """Trains a supernet by uniform sampling, and evolves paths for each limit.

    Args:
        limits (Sequence[float]): On the child's MFLOPs.
        seed (int): Of the run, and of evolution.
        images (str): Folder of the images.

    Returns:
        dict: See :func:`search`; ``seconds`` are those for one limit.
    """
    began = time.process_time()
    runner = _train('uniform', seed, images)
    trained = time.process_time() - began
    algorithm, child = runner.model, {}
    batches = list(islice(runner.train_dataloader, BATCHES))
    mutator, table = algorithm.mutator, algorithm.cost_table

    def measure(path: dict[str, str]) -> float:
        found = evaluate_path(algorithm, path, batches, runner.val_loop, seed)
        return float(found[METRIC])

    cheapest = {
        group: min(costs, key=lambda choice: costs[choice]['flops'])
        for group, costs in table.by_group.items()
    }
    began, strategy = time.process_time(), EvolutionSelection(**EVOLUTION)
    for limit in limits:
        space = PathSpace(
            mutator.open_choices,
            lambda path, limit=limit: table.cost(path)['flops'] <= limit,
            cheapest,
            np.random.default_rng(seed),
        )
        scores = PathScores(measure, strategy.max_scores, lambda line: None)
        child[f'{limit:g}'] = digits_of(strategy.select(space, scores))
    evolved = (time.process_time() - began) / len(limits)
    return dict(child=child, seconds=trained + evolved)


def _train(
    name: str, seed: int, images: str, options: dict[str, Any] | None = None
) -> Runner:
    config = Config.fromfile(CONFIGS / f'{name}.py')
    config.merge_from_dict(
        {
            **{
                f'{part}_dataloader.dataset.data_root': images
                for part in ('train', 'val')
            },
            **(options or {}),
        }
    )
    config.randomness = dict(seed=seed)
    # Runners of one process are told apart by it.
    config.experiment_name = uuid.uuid4().hex
    with tempfile.TemporaryDirectory() as folder:
        config.work_dir = folder
        runner = Runner.from_cfg(config)
        runner.train()
    return runner
