from mmdsnas.registry import HOOKS as _HOOKS
from .hooks.batch_norm import AverageBNStatsHook, RecalibrateBNHook, ResetBNStatsHook
from .hooks.checkpoint.atomic_checkpoint_hook import AtomicCheckpointHook
from .hooks.checkpoint.ema_hook import EMAHook
from .hooks.checkpoint.exact_resume_hook import ExactResumeHook, ResumeValidationHook
from .hooks.checkpoint.export_child_hook import ExportChildHook, RecordSubnetHook
from .hooks.checkpoint.keep_supernet_hook import KeepSupernetHook
from .hooks.checkpoint.load_from_hook import LoadFromHook
from .hooks.checkpoint.safe_checkpoint_hook import SafeCheckpointHook
from .hooks.logging.progress_bar_hook import ProgressBarHook
from .hooks.logging.report_hook import ReportHook
from .hooks.logging.sampled_path_val_hook import SampledPathValHook
from .hooks.logging.search_log_hook import SearchLogHook
from .hooks.logging.search_plan_hook import SearchPlanHook
from .hooks.priorities import PRIORITY as _PRIORITY
from .hooks.safety.data_check_hook import DataCheckHook
from .hooks.safety.non_finite_hook import NonFiniteHook
from .hooks.safety.rank_agreement_hook import RankAgreementHook
from .hooks.stage.choose_child_hook import ChooseChildHook
from .hooks.stage.compare_child_hook import CompareChildHook
from .hooks.stage.hand_made_child_hook import HandMadeChildHook
from .hooks.stage.held_out_batch_hook import HeldOutBatchHook
from .hooks.stage.search_stage_hook import SearchStageHook
from .hooks.stage.select_child_hook import SelectChildHook
from .optimizers.constructors import (
    GroupedOptimWrapperConstructor,
    SearchOptimWrapperConstructor,
)
from .optimizers.search_optim_wrapper_dict import SearchOptimWrapperDict
from .selection import EvolutionSelection, RandomSelection
from .worker_seed import seed_worker

for _name in _PRIORITY.keys() & _HOOKS.module_dict.keys():
    _HOOKS.module_dict[_name].priority = _PRIORITY[_name]
