from .accumulation import restart_accumulation
from .constructors import (
    GroupedOptimWrapperConstructor,
    SearchOptimWrapperConstructor,
)
from .search_optim_wrapper_dict import SearchOptimWrapperDict

__all__ = [
    'GroupedOptimWrapperConstructor',
    'SearchOptimWrapperConstructor',
    'SearchOptimWrapperDict',
    'restart_accumulation',
]
