from .differentiable_mutator import DifferentiableMutator
from .draw import Draw, Stream
from .most_probable import most_probable_path

__all__ = ['DifferentiableMutator', 'Draw', 'Stream', 'most_probable_path']
