"""Costs of paths as sums of those of their candidates, by whole networks."""

import itertools
import math
import statistics
from typing import Mapping, NamedTuple, Sequence

import numpy as np

Choices = Mapping[str, Sequence[str]]
# Candidate by block.
Path = dict[str, str]
# Huber's loss: errors beyond so many standard deviations count by their size alone, as
# those of measurements that something interrupted. Rounds of reweighting.
HUBER, ROUNDS = 1.5, 30
# Designs that are tried; what keeps the determinant of one of few paths above 0.
DESIGNS, EPSILON = 20, 1e-6
# A standard deviation, of the median of absolute errors of a normal distribution.
SIGMA = 1.4826


class Errors(NamedTuple):
    """How far predictions are from measurements.

    Attributes:
        median, largest, mean (float): Absolute errors, in percent of what was measured.
        tau (float, optional): Kendall's rank correlation; None of equal values, or of
            one.
    """

    median: float
    largest: float
    mean: float
    tau: float | None


def num_effects(choices: Choices) -> int:
    """Numbers that a sum of independent effects has, with that of the rest."""
    return 1 + sum(len(own) - 1 for own in choices.values())


def chosen_paths(choices: Choices, number: int) -> list[Path]:
    """Paths that tell most of what candidates cost: all, if there are not more.

    All blocks change at once, so that what a candidate costs is known from all networks
    and not from two that differ by it alone (Hotelling, Some Improvements in Weighing
    and Other Experimental Techniques, 1944). Each candidate of a block is equally
    often, but for rounding. Of some such designs it is the one of the largest
    determinant.

    Args:
        choices (Mapping[str, Sequence[str]]): Candidates by block.
        number (int): How many there are at most.
    """
    if math.prod(map(len, choices.values())) <= number:
        every = itertools.product(*choices.values())
        return [dict(zip(choices, path)) for path in every]

    def information(paths: list[Path]) -> float:
        design = _design(choices, paths)
        information = design.T @ design + EPSILON * np.eye(design.shape[1])
        return np.linalg.slogdet(information).logabsdet

    draw = np.random.default_rng(0)
    designs = [_balanced(choices, number, draw) for _ in range(DESIGNS)]
    return max(designs, key=information)


def _balanced(choices: Choices, number: int, draw: np.random.Generator) -> list[Path]:
    columns = {}
    for block, own in choices.items():
        rounds = [draw.permutation(len(own)) for _ in range(-(-number // len(own)))]
        columns[block] = np.concatenate(rounds)[:number]
    return [
        {b: choices[b][col[k]] for b, col in columns.items()} for k in range(number)
    ]


def _design(choices: Choices, paths: Sequence[Path]) -> np.ndarray:
    """A line for each path: 1, then whether it has each candidate but first ones."""
    names = [(block, c) for block, own in choices.items() for c in own[1:]]
    return np.array([[1.0, *(float(path[b] == c) for b, c in names)] for path in paths])


def fit_sum(
    choices: Choices, paths: Sequence[Path], amounts: Sequence[float]
) -> tuple[dict[str, dict[str, float]], float]:
    """The sum of independent effects that is the nearest to costs of whole networks.

    Nearest by Huber's loss, relative to each cost. Of a block the cheapest candidate
    costs 0, so that all that paths have in common is the rest.

    Args:
        choices (Mapping[str, Sequence[str]]): Candidates by block.
        paths (Sequence[dict[str, str]]): Of the networks, candidate by block.
        amounts (Sequence[float]): What they cost.

    Returns:
        tuple: Amount by block and candidate, at least 0, and of the rest.
    """
    names = [(block, c) for block, own in choices.items() for c in own[1:]]
    # Relative errors: that of a measurement grows with it.
    costs = np.asarray(amounts, dtype=float)
    design, wanted = _design(choices, paths) / costs[:, None], np.ones(len(costs))
    weights = np.ones(len(costs))
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(design * root[:, None], wanted * root, rcond=None)[0]
        errors = np.abs(wanted - design @ found)
        spread = SIGMA * np.median(errors) * HUBER
        if not spread:
            # Exact for half of them or more.
            break
        weights = np.minimum(1.0, spread / np.maximum(errors, spread + 1e-12))
    effects = dict(zip(names, found[1:].tolist()))
    beyond = {
        b: {c: effects.get((b, c), 0.0) for c in own} for b, own in choices.items()
    }
    least = {block: min(row.values()) for block, row in beyond.items()}
    blocks = {b: {c: n - least[b] for c, n in row.items()} for b, row in beyond.items()}
    return blocks, float(found[0]) + sum(least.values())


def prediction_errors(measured: Sequence[float], predicted: Sequence[float]) -> Errors:
    """Errors of predictions, of at least one network."""
    # Its import would make every tool slower to start.
    from scipy.stats import kendalltau

    sizes = [100 * abs(p / m - 1) for m, p in zip(measured, predicted)]
    tau = None
    if min(len(set(measured)), len(set(predicted))) > 1:
        tau = float(kendalltau(measured, predicted).statistic)
    return Errors(statistics.median(sizes), max(sizes), statistics.fmean(sizes), tau)
