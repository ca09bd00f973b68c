# ruff: noqa: F401
from .batch_norm import AverageBNStatsHook, RecalibrateBNHook, ResetBNStatsHook
from .checkpoint.atomic_checkpoint_hook import AtomicCheckpointHook
from .checkpoint.ema_hook import EMAHook
from .checkpoint.exact_resume_hook import ExactResumeHook, ResumeValidationHook
from .checkpoint.export_child_hook import ExportChildHook, RecordSubnetHook
from .checkpoint.load_from_hook import LoadFromHook
from .checkpoint.safe_checkpoint_hook import SafeCheckpointHook
from .logging.progress_bar_hook import ProgressBarHook
from .logging.report_hook import ReportHook
from .logging.sampled_path_val_hook import SampledPathValHook
from .logging.search_log_hook import SearchLogHook
from .logging.search_plan_hook import SearchPlanHook
from .priorities import PRIORITY
from .safety.data_check_hook import DataCheckHook
from .safety.non_finite_hook import NonFiniteHook
from .safety.rank_agreement_hook import RankAgreementHook
from .stage.held_out_batch_hook import HeldOutBatchHook
from .stage.search_stage_hook import SearchStageHook
from .stage.select_child_hook import SelectChildHook

__all__ = [name for name in PRIORITY if name in globals()]

for _name in __all__:
    globals()[_name].priority = PRIORITY[_name]
