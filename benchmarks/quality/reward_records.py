"""What the estimators of alpha's gradient see in a supernet, step by step."""

import itertools
import time
from datetime import timedelta
from functools import partial
from typing import Any, Callable, Sequence

import numpy as np
import torch
from mmengine.model import BaseModel
from torch import Tensor
from torch.utils.data import DataLoader

from mmdsnas.models import DSNAS, OneHotMutableOP
from mmdsnas.models.batch_norm import batch_norms
from mmdsnas.models.gradient_estimators import gate
from mmdsnas.models.mutables.one_hot_mutable_op import one_hot_gate
from .training import train

Report = Callable[[str], None]


def record_supernet(
    config: str, eps: float, steps: int, seed: int, name: str
) -> dict[str, Any]:
    """Trains a supernet on uniform paths, then records what happens on more.

    Args:
        config (str): Its config, below ``configs``.
        eps (float): Of all its BatchNorm layers.
        steps (int): Steps to record.
        seed (int): Of the training and of the paths.
        name (str): What progress is reported for.

    Returns:
        dict[str, list]: See :func:`record`, as lists; and ``blocks`` and
        ``candidates``, their names.
    """

    def report(text: str) -> None:
        print(f'{name}: {text}', flush=True)

    def with_eps(model: BaseModel) -> None:
        for layer in batch_norms(model):
            layer.eps = eps

    report('training')
    runner, _ = train(config, seed, prepare=with_eps)
    arrays = record(runner.model, runner.train_dataloader, steps, seed, report)
    mutator = runner.model.mutator
    labels = runner.model.cost_table.labels()
    return dict(
        {key: array.tolist() for key, array in arrays.items()},
        blocks=[labels[group] for group in mutator.search_groups],
        candidates=mutator.choices(next(iter(mutator.search_groups))),
    )


def record(
    model: DSNAS,
    loader: DataLoader,
    steps: int,
    seed: int,
    report: Report = lambda text: None,
) -> dict[str, np.ndarray]:
    """Records losses and rewards of uniformly drawn paths; nothing is trained.

    BatchNorm uses the statistics of the batch, as in training. Every step takes one
    batch for the estimators and another one for the truth that they are held against.

    Args:
        model (DSNAS): The supernet. Every search group is one block, and all have as
            many candidates. Its weights get no gradient any more, and its BatchNorm
            layers track no statistics.
        loader (DataLoader): Batches, gone through as often as needed.
        steps (int): How many steps.
        seed (int): Of the paths.
        report (Callable): Gets a line from time to time.

    Returns:
        dict[str, np.ndarray]: For L blocks of K candidates:

        - ``paths`` ``(steps, 2, L)`` and ``losses`` ``(steps, 2)`` of two
          independent paths on one batch;
        - ``rewards`` ``(steps, L)``: the paper's, ``<dL/dy, y_k>``, of the first path;
        - ``counterfactual`` ``(steps, L)``: ``<dL/dy, y_k - y_j>``, where ``y_j`` is
          what a second draw ``j``, in ``others``, makes of the block's input;
        - ``truth_paths`` ``(steps, K, L)`` and ``truth_losses`` ``(steps, K)``: K paths
          on one batch that have each candidate of each block once.
    """
    probe = Probe(model)
    rng = np.random.default_rng(seed)
    count, depth = probe.num_candidates, len(probe.blocks)
    batches = itertools.chain.from_iterable(itertools.repeat(loader))
    rows: dict[str, list] = {}
    began = told = time.monotonic()
    for done in range(steps):
        paths = rng.integers(count, size=(2, depth))
        others = rng.integers(count, size=depth)
        data = model.data_preprocessor(next(batches), True)
        loss, rewards, counterfactual = probe.rewards(data, paths[0], others)
        tiled = np.tile(np.arange(count)[:, None], (1, depth))
        truth_paths = rng.permuted(tiled, axis=0)
        truth_data = model.data_preprocessor(next(batches), True)
        row = dict(
            paths=paths,
            others=others,
            losses=[loss, probe.loss(data, paths[1])],
            rewards=rewards,
            counterfactual=counterfactual,
            truth_paths=truth_paths,
            truth_losses=[probe.loss(truth_data, path) for path in truth_paths],
        )
        for key, value in row.items():
            rows.setdefault(key, []).append(value)
        now = time.monotonic()
        if now - told > 20:
            told = now
            left = (now - began) / (done + 1) * (steps - done - 1)
            report(f'{done + 1}/{steps} steps  {timedelta(seconds=round(left))} left')
    return {key: np.array(values) for key, values in rows.items()}


class Probe:
    """Losses and rewards of paths of a supernet, on batch statistics.

    Args:
        model (DSNAS): See :func:`record`.
    """

    def __init__(self, model: DSNAS) -> None:
        self.model = model.train()
        self.mutator = model.mutator
        self.blocks = [b for g in self.mutator.search_groups.values() for b in g]
        self.choices = {g: self.mutator.choices(g) for g in self.mutator.search_groups}
        counts = {len(choices) for choices in self.choices.values()}
        assert len(self.blocks) == len(self.choices) and len(counts) == 1
        self.num_candidates = counts.pop()
        model.architecture.requires_grad_(False)
        for layer in batch_norms(model):
            layer.track_running_stats = False

    @torch.no_grad()
    def loss(self, data: Any, path: Sequence[int]) -> float:
        """Loss of a path, given by its candidates' numbers, on a batch."""
        self._choose(path)
        return self._loss(data).item()

    def rewards(
        self, data: Any, path: Sequence[int], others: Sequence[int]
    ) -> tuple[float, list[float], list[float]]:
        """Loss of a path, and two rewards of each of its blocks.

        Args:
            data (Any): A batch.
            path (Sequence[int]): Number of the candidate of each block.
            others (Sequence[int]): The second draws.

        Returns:
            tuple: The loss, the paper's rewards, and the counterfactual ones.
        """
        self._choose(path)
        # The rewards are the gradients of these.
        scores = torch.zeros(2, len(path), dtype=torch.float64, requires_grad=True)
        for block, other, score in zip(self.blocks, others, scores.unbind(1)):
            block.gate = partial(_both_gates, other=block.choices[other], score=score)
        try:
            loss = self._loss(data)
        finally:
            for block in self.blocks:
                block.gate = None
        loss.backward()
        return loss.item(), *scores.grad.tolist()

    def _choose(self, path: Sequence[int]) -> None:
        self.mutator.set_choices(
            {
                group: choices[k]
                for (group, choices), k in zip(self.choices.items(), path, strict=True)
            }
        )

    def _loss(self, data: Any) -> Tensor:
        return sum(self.model.architecture._run_forward(data, mode='loss').values())


def _both_gates(block: OneHotMutableOP, x: Tensor, other: str, score: Tensor) -> Tensor:
    """Executes the current choice, behind the gates of both rewards.

    Args:
        block (OneHotMutableOP): The block.
        x (Tensor): Its input.
        other (str): The second draw, executed beside the graph.
        score (Tensor): Gets ``<dL/dy, y>`` and ``<dL/dy, y - y_other>``.
    """
    paper, counterfactual = score.unbind()
    y = one_hot_gate(block.current_choice, paper, block, x)
    with torch.no_grad():
        y_other = block.execute(other, x)
    return gate(y, counterfactual, y.detach() - y_other)
