from .differentiable_mutator import DifferentiableMutator

__all__ = ['DifferentiableMutator']
