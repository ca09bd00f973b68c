from typing import Dict

from mmengine.hooks import Hook

from mmdsnas.registry import HOOKS

# mmengine logs after a validation whatever has a name with val in it.
VALIDATED = 'last_epoch_checked'


@HOOKS.register_module()
class ResumeValidationHook(Hook):
    """Validates after a resume what the interrupted run may not have validated.

    An epoch's checkpoint is written before its validation. A run that goes on with
    it would leave that out, and with it the child, or the best checkpoint.
    """

    def __init__(self) -> None:
        self._resumed = self._training = False

    def after_load_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Notes that the run goes on with a checkpoint."""
        self._resumed = runner._resume

    def before_train(self, runner) -> None:
        """Validates, if the epoch is due and the checkpoint has no result of it."""
        self._training = True
        loop, epoch = runner.train_loop, runner.epoch
        resumed, self._resumed = self._resumed, False
        if not resumed or runner.val_loop is None:
            return
        loop._decide_current_val_interval()
        due = epoch >= loop.val_begin and (
            epoch % loop.val_interval == 0 or epoch == loop.max_epochs
        )
        if due and runner.message_hub.get_info(VALIDATED, -1) != epoch:
            runner.logger.info(
                f'The checkpoint is older than the validation of epoch {epoch}, which '
                'is done now.'
            )
            runner.val_loop.run()

    def before_val_epoch(self, runner) -> None:
        """Notes what is validated, for the checkpoints that come after it."""
        # runner.val() alone has no epoch.
        if self._training:
            runner.message_hub.update_info(VALIDATED, runner.epoch)
