"""Trains a supernet, and tells the children that it leads to."""

from itertools import islice
from pathlib import Path
from typing import Any, Mapping

import numpy as np
import torch
from mmengine.runner import Runner

from mmdsnas.engine import CompareChildHook
from mmdsnas.engine.evaluation import evaluate_path
from mmdsnas.engine.selection import EvolutionSelection, PathScores, PathSpace
from mmdsnas.models import AdditiveGradient
from mmdsnas.models.mutators.grouped_mutator import Path as ChildPath
from ..quality.statistics import kendall
from ..running import run
from .truth import DIGITS, LIMITS, Truth

CONFIGS = Path(__file__).parent / 'configs'
METRIC = 'accuracy/top1'
# 32 paths of each limit are evaluated, with statistics of so many training batches.
BATCHES = 10
EVOLUTION = dict(population=8, generations=4, top=4, num_mutation=4, num_crossover=4)
# How a child is chosen.
PROBABLE, COMPARED = 'most probable', 'obvious unless beaten'
CHEAPEST, EVOLVED = 'cheapest of equals', 'evolution'
LETTERS = {name: digit for digit, name in DIGITS.items()}


def search(
    config: str, limit: float | None, seed: int, truth_file: str, data_root: str
) -> dict[str, Any]:
    """Runs a search.

    Args:
        config (str): Name of a file in ``configs``.
        limit (float, optional): In MFLOPs; without one, children within each of
            ``LIMITS`` are chosen, and paths are evaluated for it.
        seed (int): Seed of the run.
        truth_file (str): See :class:`Truth`.
        data_root (str): Images, in folders ``train`` and ``val``.

    Returns:
        dict: ``children``, a list of dicts with ``limit``, ``choice`` (how it was
        chosen), ``path``, ``mflops`` and ``accuracy`` in the truth; ``cpu_seconds`` of
        the training; and ``ranking``, Kendall's tau by what ranks.
    """
    truth = Truth(Path(truth_file))
    options: dict[str, Any] = {'model.cost.limit': limit}
    for loader in ('train_dataloader', 'val_dataloader'):
        options[f'{loader}.dataset.data_root'] = data_root
    runner, seconds = run(CONFIGS / f'{config}.py', seed, options)
    algorithm, ranking = runner.model, {}
    children = []
    for bound in LIMITS if limit is None else (limit,):
        algorithm.set_up_costs(algorithm.resource_estimator, dict(limit=bound), ())
        for choice, path in choices(algorithm).items():
            network = truth[written(path)]
            children.append(dict(limit=bound, choice=choice, **network._asdict()))
    if isinstance(algorithm.gradient_estimator, AdditiveGradient):
        ranking['sum of effects, all networks'] = kendall(
            *zip(*((-fitted(algorithm, n.path), n.accuracy) for n in truth.within(999)))
        )
    if limit is None:
        evolved, known = evolve(runner)
        children += [
            dict(limit=bound, choice=EVOLVED, **truth[path]._asdict())
            for bound, path in evolved.items()
        ]
        true = [truth[path].accuracy for path in known]
        sums = [-fitted(algorithm, path) for path in known]
        ranking['sum of effects, evaluated paths'] = kendall(sums, true)
        ranking['accuracy in the supernet'] = kendall([*known.values()], true)
    return dict(children=children, cpu_seconds=seconds, ranking=ranking)


def written(path: Mapping[str, str]) -> str:
    """A path as the truth writes it."""
    return ''.join(LETTERS[candidate] for candidate in path.values())


def choices(algorithm) -> dict[str, ChildPath]:
    """The children that a supernet leads to within its limit, by how one chooses."""
    if not isinstance(algorithm.gradient_estimator, AdditiveGradient):
        return {PROBABLE: algorithm.mutator.derive_child()}
    compared, _ = CompareChildHook().choose(algorithm)
    cheapest, _ = CompareChildHook(prefer='cheapest').choose(algorithm)
    # Alpha is that of the fit now.
    probable = algorithm.mutator.derive_child()
    return {PROBABLE: probable, COMPARED: compared, CHEAPEST: cheapest}


def fitted(algorithm, path: str) -> float:
    """The sum of effects of a path, in nats of the loss."""
    effects, mutator = algorithm.gradient_estimator.effects(), algorithm.mutator
    places = [
        mutator.choices(group).index(DIGITS[digit])
        for group, digit in zip(mutator.search_groups, path)
    ]
    return float(effects[torch.arange(len(places)), places].sum())


def evolve(runner: Runner) -> tuple[dict[float, str], dict[str, float]]:
    """SPOS (Guo et al., ECCV 2020): the path that evolution finds, by limit.

    Also the accuracy, in the supernet, of all paths that were evaluated.
    """
    algorithm, loop = runner.model, runner.val_loop
    batches = list(islice(runner.train_dataloader, BATCHES))

    def measure(path: ChildPath) -> float:
        return evaluate_path(algorithm, path, batches, loop, runner.seed)[METRIC]

    strategy = EvolutionSelection(**EVOLUTION)
    scores = PathScores(measure, len(LIMITS) * strategy.max_scores, runner.logger.info)
    found = {}
    for limit in LIMITS:
        algorithm.set_up_costs(algorithm.resource_estimator, dict(limit=limit), ())
        mutator, rng = algorithm.mutator, np.random.default_rng([runner.seed, limit])
        allows, start = algorithm.cost_term.allows, mutator.derive_child
        space = PathSpace(mutator.open_choices, allows, start, rng)
        found[limit] = written(strategy.select(space, scores))
    known = {''.join(LETTERS[c] for c in key): s for key, s in scores.known.items()}
    return found, known
