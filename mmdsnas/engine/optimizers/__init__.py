# ruff: noqa: F401
from .constructors import (
    GroupedOptimWrapperConstructor,
    SearchOptimWrapperConstructor,
)
from .search_optim_wrapper_dict import SearchOptimWrapperDict
