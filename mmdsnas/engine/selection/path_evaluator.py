from numbers import Number
from typing import Any, List, Mapping

import torch
from mmengine.runner import ValLoop

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import recalibrate
from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.models.state import state_kept
from mmdsnas.utils.random_state import random_states_kept
from ..evaluation import evaluate


class PathEvaluator:
    """Evaluates paths of a supernet with the weights that it has.

    The running statistics of a supernet are mixed over its paths; those of a path
    are computed anew before it is evaluated (Guo et al., ECCV 2020, section 3.4).
    The model and random states are as they were afterwards.

    Args:
        algorithm (DSNAS): The search.
        batches (list): Training batches for the statistics.
        loop (ValLoop): Data to evaluate on, the evaluator, which gathers over the
            ranks, and the precision. It is not run, as hooks would take that for a
            validation.
        metric (str): Which number of the evaluator is the score.
        seed (int): Of what a data loader draws, the same for each path.
    """

    def __init__(
        self,
        algorithm: DSNAS,
        batches: List[Any],
        loop: ValLoop,
        metric: str,
        seed: int,
    ) -> None:
        self.algorithm = algorithm
        self.batches = batches
        self.loop = loop
        self.metric = metric
        self.seed = seed

    @torch.no_grad()
    def __call__(self, path: Path) -> float:
        """The metric of a path.

        Raises:
            ConfigError: The evaluator gives no such number.
        """
        model = self.algorithm
        with random_states_kept(self.seed), state_kept(model), model.evaluating(path):
            recalibrate(model, self.batches)
            model.eval()
            metrics = evaluate(model, self.loop)
        return score_of(metrics, self.metric)


def score_of(metrics: Mapping[str, Any], metric: str) -> float:
    """The number of an evaluator that is the score.

    Raises:
        ConfigError: The evaluator gives no such number.
    """
    numbers = {n: v for n, v in metrics.items() if isinstance(v, Number)}
    if metric not in numbers:
        raise ConfigError(
            'metric of SelectChildHook must be one of the numbers that the '
            f'evaluator gives ({", ".join(numbers) or "none"}), but is {metric!r}.'
        )
    return float(numbers[metric])
