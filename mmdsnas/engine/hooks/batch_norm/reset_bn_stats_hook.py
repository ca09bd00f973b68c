from mmengine.hooks import Hook

from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import batch_norms
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import checked_options
from ..utils import model_of


@HOOKS.register_module()
class ResetBNStatsHook(Hook):
    """Forgets the running statistics of BatchNorm when finetuning starts.

    Up to there they are mixed over the sampled paths; from there on the child
    alone is trained. The epoch is ``finetune_epochs`` of a search and the
    first one where a child is trained alone. The authors' code does it with
    ``--reset_bn_stat``. What is reset is a function of the epoch alone, so
    that a run that is resumed later does not do it again.

    Args:
        affine (bool): Whether weights and biases of BatchNorm begin anew as
            well, as with the authors' ``--reset_bn_affine``.
    """

    @checked_options
    def __init__(self, affine: bool = False) -> None:
        self.affine = affine

    def before_train_epoch(self, runner) -> None:
        """Resets the statistics in the first epoch of the child."""
        model = model_of(runner)
        start = model.finetune_epochs if isinstance(model, DSNAS) else 0
        if runner.epoch != start:
            return
        layers = batch_norms(model)
        for layer in layers:
            layer.reset_parameters() if self.affine else layer.reset_running_stats()
        what = 'and parameters ' if self.affine else ''
        runner.logger.info(
            f'Running statistics {what}of {len(layers)} BatchNorm layers are reset in '
            f'epoch {runner.epoch + 1}.'
        )
