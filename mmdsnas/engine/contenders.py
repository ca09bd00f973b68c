"""Networks that compete for being the child, and how they do."""

import math
from dataclasses import dataclass
from typing import Callable, Mapping, Sequence, TypeVar

from scipy.special import gammaincinv, ndtri

from mmdsnas.models.mutators.grouped_mutator import Path

T = TypeVar('T')
# Finalists, and what is preferred, have at least such a part of the costliest
# contender's MFLOPs.
FULL = 0.75


@dataclass
class Contender:
    """A path for images of one size.

    Attributes:
        name (str): What it is: ``probable``, or the candidates of an obvious one.
        input_size (int): Edge of its images, in pixels.
        path (dict[str, str]): Candidate by group.
        mflops (float): What it costs.
        distance (float): Of its untrained outputs, see ``OutputDistance``.
        losses (list[float]): Of held-out images, after each round of training that it
            had.
    """

    name: str
    input_size: int
    path: Path
    mflops: float
    distance: float
    losses: list[float]


def obvious_paths(choices: Mapping[str, Sequence[str]]) -> dict[str, Path]:
    """The paths that one would make by hand, by what they are called.

    One candidate stands in all blocks. Or one that some blocks have, such as the
    identity, stands in all of these, and another one in the rest: ``skip+e4``. Where a
    block has neither, it has its first.

    Args:
        choices (Mapping[str, Sequence[str]]): Candidates by group.
    """
    groups = list(choices.values())
    names = list(dict.fromkeys(name for own in groups for name in own))
    common = [name for name in names if all(name in own for own in groups)]
    rare = [name for name in names if name not in common]
    kinds = [(name,) for name in common]
    kinds += [(name, other) for name in rare for other in common or ('',)]
    found: dict[tuple[str, ...], str] = {}
    for kind in kinds:
        path = [next((c for c in kind if c in own), own[0]) for own in groups]
        found.setdefault(tuple(path), '+'.join(filter(None, kind)))
    return {name: dict(zip(choices, path)) for path, name in found.items()}


def finalists(contenders: Sequence[Contender], number: int) -> list[Contender]:
    """Those that are trained: the nearest of each kind, of each size, then the others.

    The distance compares paths of one kind and size; between these it misleads. Kinds
    are paths by their scores, and obvious ones. A short training favours what is small,
    a long one what is large: networks that leave much of the limit unused are none.
    """
    least = FULL * max(c.mflops for c in contenders)
    large = [c for c in contenders if c.mflops >= least]
    nearest = sorted(large, key=lambda c: c.distance)
    kinds = {c.name == 'probable': c for c in reversed(nearest)}.values()
    sizes = {(c.name == 'probable', c.input_size): c for c in reversed(nearest)}
    order = sorted(nearest, key=lambda c: (c not in kinds, c not in sizes.values()))
    return order[:number]


def successive_halving(
    contenders: Sequence[Contender], train: Callable[[Contender, int], float]
) -> Contender:
    """The best of some, of which half goes on after each round of training.

    Jamieson and Talwalkar, AISTATS 2016 (arXiv 1502.07943): all rounds cost the same.

    Args:
        contenders (Sequence[Contender]): At least one, the likelier first.
        train (Callable): Trains one for a round, whose number, from 0, it is given:
            ``2**round`` times as long as the first. Gives its loss then.
    """
    left, round_ = list(contenders), 0
    while len(left) > 1:
        for contender in left:
            contender.losses.append(train(contender, round_))
        # Nothing is said of NaN, which is neither smaller nor larger.
        left = sorted(left, key=lambda c: (math.isnan(c.losses[-1]), c.losses[-1]))
        left = left[: (len(left) + 1) // 2]
        round_ += 1
    return left[0]


def steps_of_first_round(number: int, steps: float) -> int:
    """Steps of each one's first round, of so many for all rounds of all; at least 1."""
    # Steps of all, in the first one's.
    rounds, parts = 0, 0
    while number > 1:
        parts += number * 2**rounds
        number, rounds = (number + 1) // 2, rounds + 1
    return max(int(steps / max(parts, 1)), 1)


def planned_errors(confidence: float, paths: int) -> float:
    """Standard errors that no difference among so many paths exceeds by chance.

    For paths that were there before the losses. Bonferroni: each of the comparisons has
    its part of the uncertainty.

    Args:
        confidence (float): With which it holds for all pairs at once.
        paths (int): How many there are.
    """
    return float(ndtri(1 - (1 - confidence) / max(paths * (paths - 1), 1)))


def post_hoc_errors(confidence: float, effects: int) -> float:
    """Standard errors that no difference between paths exceeds by chance, of all.

    For paths that were found by the same losses. Scheffe's method for all contrasts
    (Biometrika 1953): it holds for the largest difference, however many there are.

    Args:
        confidence (float): With which it holds for all of them.
        effects (int): Of candidates, one less than candidates in each group; 0 where
            there is one path.
    """
    # The square has the chi-squared distribution.
    return float((2 * gammaincinv(max(effects, 1) / 2, confidence)) ** 0.5)


def first_unbeaten(contenders: Sequence[T], beats: Callable[[T, T], bool]) -> T:
    """The first one that none of the others is surely better than.

    Args:
        contenders (Sequence): At least one, what is preferred first.
        beats (Callable): Whether one is surely better than another.
    """
    return next(
        one for one in contenders if not any(beats(other, one) for other in contenders)
    )
