import math
from typing import Callable, Dict, List, Mapping, Sequence

import numpy as np

from mmdsnas.models.mutators.grouped_mutator import Path

# Uniform draws before a walk is taken instead; steps of a walk for each group.
DRAWS = 300
STEPS = 10


class PathSpace:
    """The paths that a child is chosen from: those within the limits.

    Args:
        choices (Mapping[str, Sequence[str]]): Candidates by group; a fixed group
            has one.
        allows (Callable): Whether a path is within the limits.
        start (Mapping[str, str]): A path within them, where a walk begins.
        generator (np.random.Generator): What all draws come from.
    """

    def __init__(
        self,
        choices: Mapping[str, Sequence[str]],
        allows: Callable[[Path], bool],
        start: Mapping[str, str],
        generator: np.random.Generator,
    ) -> None:
        self.choices: Dict[str, List[str]] = {n: list(c) for n, c in choices.items()}
        self.allows = allows
        self.generator = generator
        self._start = dict(start)

    @property
    def size(self) -> int:
        """Number of paths, those beyond the limits too."""
        return math.prod(map(len, self.choices.values()))

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
        return self._walk()

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

    def _walk(self) -> Path:
        path = dict(self._start)
        assert self.allows(path), 'the start of a walk is beyond the limits'
        names = list(self.choices)
        for _ in range(STEPS * len(names)):
            name = names[self.generator.integers(len(names))]
            choice = self.generator.integers(len(self.choices[name]))
            step = {**path, name: self.choices[name][choice]}
            if self.allows(step):
                path = step
        return path
