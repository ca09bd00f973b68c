from .hooks import (
    ExportChildHook,
    RecordSubnetHook,
    SafeCheckpointHook,
    SearchLogHook,
    SearchStageHook,
)
from .optimizers import SearchOptimWrapperConstructor, SearchOptimWrapperDict
from .worker_seed import seed_worker

__all__ = [
    'ExportChildHook',
    'RecordSubnetHook',
    'SafeCheckpointHook',
    'SearchLogHook',
    'SearchOptimWrapperConstructor',
    'SearchOptimWrapperDict',
    'SearchStageHook',
    'seed_worker',
]
