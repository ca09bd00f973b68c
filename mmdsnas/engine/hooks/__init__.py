from .average_bn_stats_hook import AverageBNStatsHook
from .export_child_hook import ExportChildHook
from .load_from_hook import LoadFromHook
from .recalibrate_bn_hook import RecalibrateBNHook
from .record_subnet_hook import RecordSubnetHook
from .reset_bn_stats_hook import ResetBNStatsHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .sampled_path_val_hook import SampledPathValHook
from .search_log_hook import SearchLogHook
from .search_stage_hook import SearchStageHook

__all__ = [
    'AverageBNStatsHook',
    'ExportChildHook',
    'LoadFromHook',
    'RecalibrateBNHook',
    'RecordSubnetHook',
    'ResetBNStatsHook',
    'SafeCheckpointHook',
    'SampledPathValHook',
    'SearchLogHook',
    'SearchStageHook',
]
