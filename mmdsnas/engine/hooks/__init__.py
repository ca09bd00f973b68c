from .batch_norm.average_bn_stats_hook import AverageBNStatsHook as AverageBNStatsHook
from .batch_norm.recalibrate_bn_hook import RecalibrateBNHook as RecalibrateBNHook
from .batch_norm.reset_bn_stats_hook import ResetBNStatsHook as ResetBNStatsHook
from .checkpoint.atomic_checkpoint_hook import (
    AtomicCheckpointHook as AtomicCheckpointHook,
)
from .checkpoint.ema_hook import EMAHook as EMAHook
from .checkpoint.exact_resume_hook import ExactResumeHook as ExactResumeHook
from .checkpoint.export_child_hook import ExportChildHook as ExportChildHook
from .checkpoint.load_from_hook import LoadFromHook as LoadFromHook
from .checkpoint.record_subnet_hook import RecordSubnetHook as RecordSubnetHook
from .checkpoint.resume_validation_hook import (
    ResumeValidationHook as ResumeValidationHook,
)
from .checkpoint.safe_checkpoint_hook import SafeCheckpointHook as SafeCheckpointHook
from .logging.progress_bar_hook import ProgressBarHook as ProgressBarHook
from .logging.report_hook import ReportHook as ReportHook
from .logging.sampled_path_val_hook import SampledPathValHook as SampledPathValHook
from .logging.search_log_hook import SearchLogHook as SearchLogHook
from .logging.search_plan_hook import SearchPlanHook as SearchPlanHook
from .priorities import PRIORITY
from .safety.data_check_hook import DataCheckHook as DataCheckHook
from .safety.non_finite_hook import NonFiniteHook as NonFiniteHook
from .safety.rank_agreement_hook import RankAgreementHook as RankAgreementHook
from .stage.held_out_batch_hook import HeldOutBatchHook as HeldOutBatchHook
from .stage.search_stage_hook import SearchStageHook as SearchStageHook
from .stage.select_child_hook import SelectChildHook as SelectChildHook

__all__ = [name for name in PRIORITY if name in globals()]

for _name in __all__:
    globals()[_name].priority = PRIORITY[_name]
