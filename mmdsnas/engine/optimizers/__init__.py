from .accumulation import restart_accumulation
from .constructor import SearchOptimWrapperConstructor
from .grouped_constructor import GroupedOptimWrapperConstructor
from .search_optim_wrapper_dict import SearchOptimWrapperDict

__all__ = [
    'GroupedOptimWrapperConstructor',
    'SearchOptimWrapperConstructor',
    'SearchOptimWrapperDict',
    'restart_accumulation',
]
