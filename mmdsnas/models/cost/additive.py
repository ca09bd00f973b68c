"""Costs of paths as sums, by whole networks in which one block at a time is another."""

import statistics
from typing import Mapping, NamedTuple, Sequence

Choices = Mapping[str, Sequence[str]]
# Candidate by block.
Path = dict[str, str]


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


def reference_path(choices: Choices) -> Path:
    """The path of first candidates."""
    return {block: own[0] for block, own in choices.items()}


def replaced_paths(choices: Choices) -> list[Path]:
    """The reference, then with one block at a time as each of its other candidates."""
    first = reference_path(choices)
    others = [{**first, b: c} for b, own in choices.items() for c in own[1:]]
    return [first, *others]


def by_differences(
    choices: Choices, amounts: Sequence[float]
) -> tuple[dict[str, dict[str, float]], float]:
    """Costs of candidates and of the rest, from those of :func:`replaced_paths`.

    A sum of independent effects: what a network costs beyond the reference is the sum
    of what its candidates alone cost beyond it. Of a block the cheapest candidate costs
    0, so that all that is common to all paths is the rest.

    Args:
        choices (Mapping[str, Sequence[str]]): Candidates by block.
        amounts (Sequence[float]): Of these networks, in their order.

    Returns:
        tuple: Amount by block and candidate, at least 0, and of the rest.
    """
    reference, *others = amounts
    left = iter(others)
    beyond = {
        block: {c: next(left) - reference if k else 0.0 for k, c in enumerate(own)}
        for block, own in choices.items()
    }
    least = {block: min(row.values()) for block, row in beyond.items()}
    blocks = {
        block: {c: amount - least[block] for c, amount in row.items()}
        for block, row in beyond.items()
    }
    return blocks, reference + sum(least.values())


def prediction_errors(measured: Sequence[float], predicted: Sequence[float]) -> Errors:
    """Errors of predictions, of at least one network."""
    # Its import would make every tool slower to start.
    from scipy.stats import kendalltau

    sizes = [100 * abs(p / m - 1) for m, p in zip(measured, predicted)]
    tau = None
    if min(len(set(measured)), len(set(predicted))) > 1:
        tau = float(kendalltau(measured, predicted).statistic)
    return Errors(statistics.median(sizes), max(sizes), statistics.fmean(sizes), tau)
