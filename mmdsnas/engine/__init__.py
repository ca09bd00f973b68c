# ruff: noqa: F401, F403
from .hooks import *
from .optimizers import (
    GroupedOptimWrapperConstructor,
    SearchOptimWrapperConstructor,
    SearchOptimWrapperDict,
)
from .selection import EvolutionSelection, RandomSelection
from .worker_seed import seed_worker
