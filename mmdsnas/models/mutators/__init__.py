from .differentiable_mutator import DifferentiableMutator
from .draw import Draw, Stream

__all__ = ['DifferentiableMutator', 'Draw', 'Stream']
