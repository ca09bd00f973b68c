"""How a child is chosen among the paths of a trained supernet."""

from .base import BaseSelection
from .evolution_selection import EvolutionSelection
from .path_scores import PathScores
from .path_space import PathSpace
from .random_selection import RandomSelection

__all__ = [
    'BaseSelection',
    'EvolutionSelection',
    'PathScores',
    'PathSpace',
    'RandomSelection',
]
