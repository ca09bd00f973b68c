"""The options of mmdsnas: what each may be, declared and checked in one place."""

from .check import (
    accumulation_problem,
    check_options,
    checked_options,
    decay_problem,
    problems_of,
    stages_problem,
    unknown_option,
    wrapper_type_problem,
)
from .declared import OPTIONS

__all__ = [
    'OPTIONS',
    'accumulation_problem',
    'check_options',
    'checked_options',
    'decay_problem',
    'problems_of',
    'stages_problem',
    'unknown_option',
    'wrapper_type_problem',
]
