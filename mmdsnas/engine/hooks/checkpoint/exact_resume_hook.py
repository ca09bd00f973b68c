from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.runner import EpochBasedTrainLoop

from mmdsnas.models import DSNAS
from mmdsnas.models.weights import check_weights, without_module
from mmdsnas.registry import HOOKS
from mmdsnas.subnets import check_classes
from mmdsnas.subnets.metadata import meta_of
from mmdsnas.utils.random_state import seed_all
from ..utils import model_of
from .keep_supernet_hook import OPEN
from .run_state import (
    changed,
    check_distillation,
    check_search_space,
    rescale_progress,
    run_state,
    use_own_lengths,
    without_limits,
)

# Weights that another limit or another gradient estimator need not have.
CHANGEABLE = ('cost_term.multipliers.', 'gradient_estimator.')
# mmengine logs after a validation whatever has a name with val in it.
VALIDATED = 'last_epoch_checked'


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Makes a resumed run go on as if it had never been interrupted.

    ``run_state.py`` says by what. A checkpoint of another model is refused; where the
    run cannot be the same, e.g. on another number of ranks, the log says what changed.
    """

    def before_train(self, runner) -> None:
        """Says what cannot be exact."""
        if not _by_epoch(runner):
            runner.logger.warning(
                'train_cfg counts iterations: after a resume the images have another '
                'order and another augmentation.'
            )
        if runner.train_dataloader.persistent_workers:
            runner.logger.warning(
                'train_dataloader.persistent_workers is True: the random states of '
                'workers that live on are not known after an interruption, so that a '
                'resumed run augments its images in another way.'
            )

    def before_train_epoch(self, runner) -> None:
        """Sets the random states of the epoch."""
        if _by_epoch(runner):
            seed_all([runner.seed, runner.epoch, get_rank()])
            restart_accumulation(runner.optim_wrapper, len(runner.train_dataloader))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Adds what a resume depends on."""
        checkpoint['meta']['run'] = run_state(runner, checkpoint['meta']['epoch'])

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Compares it with the run that goes on.

        Raises:
            CheckpointError: It is of another search space, model or data set.
        """
        if not runner._resume:
            return
        path, model, meta = runner._load_from, model_of(runner), checkpoint['meta']
        own = run_state(runner, meta['epoch'])
        # A part that the checkpoint does not tell is not compared.
        saved = {**own, **meta_of(checkpoint).get('run', {})}
        if meta.get(OPEN):
            saved, own = without_limits(saved), without_limits(own)
            use_own_lengths(checkpoint)
        if isinstance(model, DSNAS):
            check_search_space(saved['search_space'], own['search_space'], path)
            check_distillation(without_module(checkpoint['state_dict']), model, path)
        data = getattr(runner.train_dataloader.dataset, 'metainfo', {})
        check_classes(checkpoint, data.get('classes'), path)
        weights = model.state_dict(), without_module(checkpoint['state_dict'])
        wanted, given = (
            {k: w for k, w in part.items() if not k.startswith(CHANGEABLE)}
            for part in weights
        )
        check_weights(wanted, given, path)
        effective, void = map('; '.join, changed(saved, own))
        if effective:
            runner.logger.warning(
                'This run is not bit for bit the one that was interrupted: '
                f'{effective}.'
            )
        if void:
            runner.logger.warning(
                'A resumed run keeps optimizers and schedules of its checkpoint; '
                f'without effect: {void}. A new run with load_from takes the weights '
                'alone.'
            )
        now = own['setting']['iterations_per_epoch']
        before = saved['setting'].get('iterations_per_epoch', now)
        if _by_epoch(runner) and before != now:
            rescale_progress(checkpoint, now)
            runner.logger.warning(
                'Iterations, and the schedules that count them, go on at the same '
                f'epoch: iteration {meta["iter"]}.'
            )


@HOOKS.register_module()
class ResumeValidationHook(Hook):
    """Validates after a resume what the interrupted run may not have validated.

    An epoch's checkpoint is written before its validation. A run that goes on with
    it would leave that out, and with it the child, or the best checkpoint.
    """

    _resumed = _training = False

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Notes that the run goes on with a checkpoint."""
        self._resumed = runner._resume

    def before_train(self, runner) -> None:
        """Validates, if the epoch is due and the checkpoint has no result of it."""
        loop, epoch, resumed = runner.train_loop, runner.epoch, self._resumed
        self._training, self._resumed = True, False
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


def restart_accumulation(wrapper: OptimWrapper, num_iters: int) -> None:
    """Lets the accumulation of gradients begin anew in an epoch of so many iterations.

    The last step of an epoch then takes what is left, with its own mean, as mmengine
    does at the end of a run. Gradients that wait for a step over the end of an epoch
    are other ones on every rank, and in no checkpoint.
    """
    several = isinstance(wrapper, OptimWrapperDict)
    for part in wrapper.values() if several else [wrapper]:
        # mmengine's initialize_count_status sets these, and warns in every epoch.
        part._inner_count = 0
        part._max_counts = num_iters
        part._remainder_counts = num_iters % part._accumulative_counts


def _by_epoch(runner) -> bool:
    return isinstance(runner.train_loop, EpochBasedTrainLoop)
