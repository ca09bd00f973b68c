from mmengine.hooks import Hook

from mmdsnas.models.batch_norm import average_statistics, batch_norms
from mmdsnas.registry import HOOKS
from ..utils import model_of


@HOOKS.register_module()
class AverageBNStatsHook(Hook):
    """Averages the running statistics of BatchNorm over the processes.

    Each process sees other images, and in a search other paths. Without it every
    one would validate a network of its own, and that of rank 0 would be saved.
    mmengine's ``SyncBuffersHook`` averages all buffers, also those that count.
    """

    def after_train_epoch(self, runner) -> None:
        """Averages, in a run of several processes."""
        average_statistics(batch_norms(model_of(runner)))
