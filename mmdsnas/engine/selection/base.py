from abc import ABC, abstractmethod
from typing import Callable

from mmdsnas.models.mutators.grouped_mutator import Path
from .path_space import PathSpace

# The more the better; it measures a path once, however often it is asked.
Score = Callable[[Path], float]


class BaseSelection(ABC):
    """How a child is chosen among the paths of a trained supernet.

    It knows paths and their scores alone, neither model nor data. All that is
    random comes from the space's generator, so that every rank, and a run that is
    resumed, chooses the same.
    """

    @property
    @abstractmethod
    def max_scores(self) -> int:
        """How many paths it measures at most; 0: it needs no scores."""

    @abstractmethod
    def select(self, space: PathSpace, score: Score) -> Path:
        """Chooses a path.

        Args:
            space (PathSpace): The paths that there are.
            score (Callable): Score of a path, greater is better.

        Returns:
            dict[str, str]: Candidate by group.
        """
