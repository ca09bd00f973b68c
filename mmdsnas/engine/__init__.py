from .hooks import *  # noqa: F403
from .hooks import __all__ as _hooks
from .optimizers import (
    GroupedOptimWrapperConstructor,
    SearchOptimWrapperConstructor,
    SearchOptimWrapperDict,
)
from .selection import EvolutionSelection, RandomSelection
from .worker_seed import seed_worker

__all__ = [
    *_hooks,
    'EvolutionSelection',
    'GroupedOptimWrapperConstructor',
    'RandomSelection',
    'SearchOptimWrapperConstructor',
    'SearchOptimWrapperDict',
    'seed_worker',
]
