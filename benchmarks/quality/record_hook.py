import itertools
from itertools import islice
from typing import Any

import torch
from mmengine.hooks import Hook

from mmdsnas.engine.evaluation import evaluate, evaluate_path
from mmdsnas.engine.hooks.utils import algorithm_of
from mmdsnas.models import Stage
from mmdsnas.models.cost import expected_cost
from mmdsnas.utils.random_state import random_states_kept

METRIC = 'accuracy/top1'


class RecordHook(Hook):
    """Keeps what the benchmark tells of a search.

    Args:
        all_paths (bool): Whether every path is evaluated at the end of the search
            stage, with BatchNorm statistics of its own.

    Attributes:
        expected (list[float]): Mean MFLOPs of a path at the end of each epoch of the
            search stage.
        accuracy_in_search (float, optional): Percent of the test images that the
            child gets right before it is finetuned, with the statistics that the
            supernet has. None: there is no finetune stage.
        probabilities (list[list[float]]): Of each block then.
        paths (list[float]): Percent of the test images that each path gets right
            then, in the order of ``itertools.product``.
    """

    def __init__(self, all_paths: bool = False) -> None:
        self.all_paths = all_paths
        self.expected: list[float] = []
        self.accuracy_in_search: float | None = None
        self.probabilities: list[list[float]] = []
        self.paths: list[float] = []

    def after_train_epoch(self, runner) -> None:
        """Looks at the distribution, and at the paths before one is finetuned."""
        algorithm = algorithm_of(runner)
        with torch.no_grad():
            probs = algorithm.mutator.probs().double()
        if algorithm.stage is Stage.SEARCH:
            costs = algorithm.cost_table.matrix('flops')
            base = algorithm.cost_table.fixed_part['flops']
            self.expected.append(base + expected_cost(probs, costs).item())
        if runner.epoch + 1 == algorithm.finetune_epochs:
            self.probabilities = probs.tolist()
            if self.all_paths:
                self.paths = accuracy_of_all(runner)

    def before_train_epoch(self, runner) -> None:
        """Looks at the child when it is decided, before it is finetuned."""
        algorithm = algorithm_of(runner)
        if runner.epoch == algorithm.finetune_epochs:
            # The epoch's random numbers are those of a run without this hook.
            with random_states_kept(runner.seed):
                self.accuracy_in_search = accuracy(runner)

    def result(self) -> dict[str, Any]:
        """What is kept, for a file."""
        return dict(
            expected_mflops=self.expected,
            accuracy_in_search=self.accuracy_in_search,
            probabilities=self.probabilities,
            paths=self.paths,
        )


def accuracy(runner) -> float:
    """Percent of the test images that a search's child gets right now."""
    runner.model.eval()
    metrics = evaluate(runner.model.val_step, runner.val_loop)
    runner.model.train()
    return round(float(metrics[METRIC]), 2)


def accuracy_of_all(runner) -> list[float]:
    """The same for every path, each with statistics of 20 training batches."""
    algorithm, loop = algorithm_of(runner), runner.val_loop
    batches = list(islice(runner.train_dataloader, 20))
    names = list(algorithm.mutator.search_groups)
    paths = itertools.product(*map(algorithm.mutator.choices, names))
    return [
        evaluate_path(algorithm, path, batches, loop, runner.seed)[METRIC]
        for path in (dict(zip(names, choices)) for choices in paths)
    ]
