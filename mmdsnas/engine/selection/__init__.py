from .base import BaseSelection, Score
from .evolution_selection import EvolutionSelection
from .path_evaluator import PathEvaluator, score_of
from .path_scores import PathScores
from .path_space import PathSpace
from .random_selection import RandomSelection

__all__ = [
    'BaseSelection',
    'EvolutionSelection',
    'PathEvaluator',
    'PathScores',
    'PathSpace',
    'RandomSelection',
    'Score',
    'score_of',
]
