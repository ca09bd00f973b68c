from .constructor import SearchOptimWrapperConstructor
from .search_optim_wrapper_dict import SearchOptimWrapperDict

__all__ = ['SearchOptimWrapperConstructor', 'SearchOptimWrapperDict']
