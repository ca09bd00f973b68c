from .hooks import (
    AverageBNStatsHook,
    ExportChildHook,
    LoadFromHook,
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
    'AverageBNStatsHook',
    'ExportChildHook',
    'GroupedOptimWrapperConstructor',
    'LoadFromHook',
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
