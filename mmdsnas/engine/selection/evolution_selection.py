from typing import Callable, List, Set, Tuple

from mmdsnas.models.mutators.grouped_mutator import Path
from mmdsnas.registry import TASK_UTILS
from mmdsnas.utils.options import Count, Natural, Probability, checked_options
from .base import BaseSelection, Score
from .path_space import PathSpace

# For each path that is wanted.
TRIES = 10


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

    # MMRazor's EvolutionSearchLoop does not serve: it is a run of its own, pickles
    # its state, measures the cost of a copied model for each path, and evaluates
    # what set_choices says, which DSNAS overrides by its child. Its crossover draws
    # from NumPy's global generator.

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
        self.population = population
        self.generations = generations
        self.top = top
        self.num_mutation = num_mutation
        self.num_crossover = num_crossover
        self.mutate_prob = mutate_prob

    @property
    def max_scores(self) -> int:
        """See the base class."""
        bred = self.num_mutation + self.num_crossover
        return self.population + (self.generations - 1) * bred

    def select(self, space: PathSpace, score: Score) -> Path:
        """See the base class; of equal paths the first one measured."""
        seen: Set[Tuple[str, ...]] = set()
        top: List[Path] = []
        for generation in range(self.generations):
            if generation:
                paths = self._breed(space, top, seen)
            else:
                paths = _new_paths(space, space.draw, self.population, seen)
            if not paths:
                break
            # A stable sort: of equals, what was there first.
            top = sorted([*top, *paths], key=score, reverse=True)[: self.top]
        return top[0]

    def _breed(
        self, space: PathSpace, top: List[Path], seen: Set[Tuple[str, ...]]
    ) -> List[Path]:
        def parent() -> Path:
            return top[space.generator.integers(len(top))]

        paths = _new_paths(
            space, lambda: space.cross(parent(), parent()), self.num_crossover, seen
        )
        paths += _new_paths(
            space,
            lambda: space.mutate(parent(), self.mutate_prob),
            self.num_mutation,
            seen,
        )
        missing = self.num_crossover + self.num_mutation - len(paths)
        return paths + _new_paths(space, space.draw, missing, seen)


def _new_paths(
    space: PathSpace,
    make: Callable[[], Path],
    num: int,
    seen: Set[Tuple[str, ...]],
) -> List[Path]:
    """Makes paths within the limits that were not seen; fewer where few are left."""
    found: List[Path] = []
    for _ in range(TRIES * num):
        if len(found) == num:
            break
        path = make()
        key = tuple(path.values())
        if key not in seen and space.allows(path):
            seen.add(key)
            found.append(path)
    return found
