"""How a child is chosen among the paths of a trained supernet."""

import math
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from datetime import timedelta
from typing import Callable, Mapping, Sequence

import numpy as np

from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.registry import TASK_UTILS
from mmdsnas.utils.options import Count, Natural, Probability, checked_options

# Uniform draws before a walk is taken instead; steps of a walk for each group.
DRAWS, STEPS = 300, 10
# Of breeding, for each path that is wanted.
TRIES = 10
# Lines of progress in a selection.
LINES = 50
# The more the better.
Score = Callable[[Path], float]


@dataclass
class PathSpace:
    """The paths that a child is chosen from: those within the limits.

    Attributes:
        choices (Mapping[str, Sequence[str]]): Candidates by group; a fixed group
            has one.
        allows (Callable): Whether a path is within the limits.
        start (Callable): Gives a path within them, where a walk begins.
        generator (np.random.Generator): What all draws come from.
    """

    choices: Mapping[str, Sequence[str]]
    allows: Callable[[Path], bool]
    start: Callable[[], Path]
    generator: np.random.Generator

    def draw(self) -> Path:
        """A path within the limits, drawn uniformly.

        Where so few are within that :data:`DRAWS` draws find none, it is the end of
        a random walk through them: a step draws one group's candidate anew and is
        taken if it stays within, which in the long run visits all paths that can be
        reached equally often.
        """
        for _ in range(DRAWS):
            path = self._any()
            if self.allows(path):
                return path
        path, names = self.start(), list(self.choices)
        for _ in range(STEPS * len(names)):
            name = names[self.generator.integers(len(names))]
            choice = self.generator.integers(len(self.choices[name]))
            step = {**path, name: self.choices[name][choice]}
            if self.allows(step):
                path = step
        return path

    def mutate(self, path: Path, prob: float) -> Path:
        """Draws every group's candidate anew with a probability; limits aside."""
        hit = self.generator.random(len(path)) < prob
        other = self._any()
        return {n: other[n] if drawn else path[n] for n, drawn in zip(path, hit)}

    def cross(self, first: Path, second: Path) -> Path:
        """Takes every group's candidate from one of two paths; limits aside."""
        taken = self.generator.random(len(first)) < 0.5
        return {n: second[n] if t else first[n] for n, t in zip(first, taken)}

    def _any(self) -> Path:
        uniform = self.generator.random(len(self.choices)).tolist()
        groups = zip(self.choices.items(), uniform)
        return {name: c[int(u * len(c))] for (name, c), u in groups}


class PathScores:
    """Scores of paths, each measured once, with lines of progress.

    Args:
        measure (Callable): Measures a path.
        most (int): How many paths are measured at most.
        log (Callable): Takes a line of progress.
    """

    def __init__(self, measure: Score, most: int, log: Callable[[str], None]) -> None:
        self.known: dict[tuple[str, ...], float] = {}
        self._measure, self._most, self._log = measure, most, log
        self._start = time.monotonic()

    def __call__(self, path: Path) -> float:
        key = tuple(path.values())
        if key not in self.known:
            value = self._measure(path)
            # It would compare as neither greater nor less.
            self.known[key] = -math.inf if math.isnan(value) else value
            done, most = len(self.known), self._most
            if done % max(1, most // LINES) == 0:
                left = (time.monotonic() - self._start) / done * (most - done)
                self._log(
                    f'Measured {done} of at most {most} paths, the best has '
                    f'{max(self.known.values()):.4f}; at most '
                    f'{timedelta(seconds=round(left))} left.'
                )
        return self.known[key]


class BaseSelection(ABC):
    """Knows paths and their scores alone, neither model nor data.

    All that is random comes from the space's generator, so that every rank, and a run
    that is resumed, chooses the same.

    Attributes:
        max_scores (int): How many paths it measures at most; 0: it needs no scores.
    """

    max_scores: int

    @abstractmethod
    def select(self, space: PathSpace, score: Score) -> Path:
        """Chooses a path, of equal scores the first one; greater is better."""


@TASK_UTILS.register_module()
class RandomSelection(BaseSelection):
    """An arbitrary path, or the best of some: random search.

    With a supernet whose paths were drawn uniformly it is the random search with
    weight sharing of Li and Talwalkar, UAI 2019 (arXiv 1902.07638), section 3.

    Args:
        num_paths (int): How many are drawn; a single one is not measured.
    """

    @checked_options
    def __init__(self, num_paths: Count = 1) -> None:
        self.num_paths = num_paths
        self.max_scores = num_paths if num_paths > 1 else 0

    def select(self, space: PathSpace, score: Score) -> Path:
        """See the base class."""
        paths = [space.draw() for _ in range(self.num_paths)]
        return max(paths, key=score) if self.max_scores else paths[0]


@TASK_UTILS.register_module()
class EvolutionSelection(BaseSelection):
    """Evolution of paths, as in Single Path One-Shot.

    Guo et al., ECCV 2020 (arXiv 1904.00420), section 3.4, algorithm 1; the defaults
    are the paper's and measure 1000 paths. Every generation is measured, and bred
    from the best paths of all before it: by crossover of two of them, and by
    mutation of one. Paths beyond the limits, or that were there before, are not
    taken; what breeding leaves empty is filled with random paths, as in the authors'
    code. It ends early where no new path is found.

    Args:
        population (int): Paths of the first generation, drawn uniformly.
        generations (int): How many there are, with the first one.
        top (int): How many of the best paths are bred from.
        num_mutation (int): Paths by mutation in a later generation.
        num_crossover (int): Paths by crossover in a later generation.
        mutate_prob (float): Probability with which mutation draws a group's
            candidate anew.
    """

    @checked_options
    def __init__(
        self,
        population: Count = 50,
        generations: Count = 20,
        top: Count = 10,
        num_mutation: Natural = 25,
        num_crossover: Natural = 25,
        mutate_prob: Probability = 0.1,
    ) -> None:
        self.generations, self.top, self.mutate_prob = generations, top, mutate_prob
        # Paths of a generation by crossover, by mutation, and in all.
        self.first = 0, 0, population
        self.later = num_crossover, num_mutation, num_crossover + num_mutation
        self.max_scores = population + (generations - 1) * sum(self.later[:2])

    def select(self, space: PathSpace, score: Score) -> Path:
        """See the base class."""
        seen: set[tuple[str, ...]] = set()
        top: list[Path] = []

        def new_paths(make: Callable[[], Path], number: int) -> list[Path]:
            """Paths within the limits that were not seen; fewer where few are left."""
            found: list[Path] = []
            for _ in range(TRIES * number):
                if len(found) == number:
                    break
                path = make()
                key = tuple(path.values())
                if key not in seen and space.allows(path):
                    seen.add(key)
                    found.append(path)
            return found

        def parent() -> Path:
            return top[space.generator.integers(len(top))]

        def cross() -> Path:
            return space.cross(parent(), parent())

        def mutate() -> Path:
            return space.mutate(parent(), self.mutate_prob)

        for generation in range(self.generations):
            crossed, mutated, size = self.later if generation else self.first
            paths = new_paths(cross, crossed) + new_paths(mutate, mutated)
            paths += new_paths(space.draw, size - len(paths))
            if not paths:
                break
            # A stable sort: of equals, what was there first.
            top = sorted([*top, *paths], key=score, reverse=True)[: self.top]
        return top[0]
