from .hooks import *  # noqa: F401,F403
from .optimizers import SearchOptimWrapperConstructor, SearchOptimWrapperDict

__all__ = ['SearchOptimWrapperConstructor', 'SearchOptimWrapperDict']
