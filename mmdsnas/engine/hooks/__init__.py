from .atomic_checkpoint_hook import AtomicCheckpointHook
from .average_bn_stats_hook import AverageBNStatsHook
from .data_check_hook import DataCheckHook
from .ema_hook import EMAHook
from .exact_resume_hook import ExactResumeHook
from .export_child_hook import ExportChildHook
from .held_out_batch_hook import HeldOutBatchHook
from .load_from_hook import LoadFromHook
from .non_finite_hook import NonFiniteHook
from .progress_bar_hook import ProgressBarHook
from .rank_agreement_hook import RankAgreementHook
from .recalibrate_bn_hook import RecalibrateBNHook
from .record_subnet_hook import RecordSubnetHook
from .report_hook import ReportHook
from .reset_bn_stats_hook import ResetBNStatsHook
from .resume_validation_hook import ResumeValidationHook
from .safe_checkpoint_hook import SafeCheckpointHook
from .sampled_path_val_hook import SampledPathValHook
from .search_log_hook import SearchLogHook
from .search_plan_hook import SearchPlanHook
from .search_stage_hook import SearchStageHook
from .select_child_hook import SelectChildHook

__all__ = [
    'AtomicCheckpointHook',
    'AverageBNStatsHook',
    'DataCheckHook',
    'EMAHook',
    'ExactResumeHook',
    'ExportChildHook',
    'HeldOutBatchHook',
    'LoadFromHook',
    'NonFiniteHook',
    'ProgressBarHook',
    'RankAgreementHook',
    'RecalibrateBNHook',
    'RecordSubnetHook',
    'ReportHook',
    'ResetBNStatsHook',
    'ResumeValidationHook',
    'SafeCheckpointHook',
    'SampledPathValHook',
    'SearchLogHook',
    'SearchPlanHook',
    'SearchStageHook',
    'SelectChildHook',
]
