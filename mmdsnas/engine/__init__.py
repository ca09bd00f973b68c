from .hooks import (
    ExportChildHook,
    LoadChildHook,
    RecalibrateBNHook,
    RecordSubnetHook,
    ResetBNStatsHook,
    SafeCheckpointHook,
    SampledPathValHook,
    SearchLogHook,
    SearchStageHook,
)
from .optimizers import (
    GroupedOptimWrapperConstructor,
    SearchOptimWrapperConstructor,
    SearchOptimWrapperDict,
)
from .worker_seed import seed_worker

__all__ = [
    'ExportChildHook',
    'GroupedOptimWrapperConstructor',
    'LoadChildHook',
    'RecalibrateBNHook',
    'RecordSubnetHook',
    'ResetBNStatsHook',
    'SafeCheckpointHook',
    'SampledPathValHook',
    'SearchLogHook',
    'SearchOptimWrapperConstructor',
    'SearchOptimWrapperDict',
    'SearchStageHook',
    'seed_worker',
]
