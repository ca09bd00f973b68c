from typing import Dict

from mmengine.dist import get_rank
from mmengine.hooks import Hook

from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from mmdsnas.utils.random_state import seed_all
from mmdsnas.utils.weights import check_weights
from ..optimizers import restart_accumulation
from ..run_state import (
    changed_settings,
    check_search_space,
    rescale_progress,
    run_state,
)
from .utils import model_of


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Makes a resumed run go on as if it had never been interrupted.

    mmengine saves no random states. Here an epoch begins with random states that
    are a function of the seed, the epoch and the rank, and with no gradients that
    wait for a step; see :mod:`mmdsnas.engine.run_state` for all that there is. A
    checkpoint of another model is refused; where the run cannot be the same, e.g.
    on another number of ranks, the log says what changed.
    """

    # Before whatever draws random numbers in an epoch.
    priority = 'VERY_HIGH'

    def before_train(self, runner) -> None:
        """Says what cannot be exact."""
        loader = runner.train_dataloader
        if loader.num_workers and loader.persistent_workers:
            runner.logger.warning(
                'train_dataloader.persistent_workers is True: the random states of '
                'workers that live on are not known after an interruption, so that a '
                'resumed run augments its images in another way.'
            )

    def before_train_epoch(self, runner) -> None:
        """Sets the random states of the epoch."""
        seed_all([runner.seed, runner.epoch, get_rank()])
        restart_accumulation(runner.optim_wrapper, len(runner.train_dataloader))

    def before_save_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Adds what a resume depends on."""
        meta = checkpoint['meta']
        meta['run'] = run_state(runner, meta['epoch'])

    def after_load_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Compares it with the run that goes on.

        Raises:
            CheckpointError: The checkpoint is of another search space or model.
        """
        if not runner._resume:
            return
        path, model = runner._load_from, model_of(runner)
        meta = checkpoint['meta']
        saved, own = meta.get('run', {}), run_state(runner, meta['epoch'])
        if isinstance(model, DSNAS) and 'search_space' in saved:
            check_search_space(saved['search_space'], own['search_space'], path)
        check_weights(model.state_dict(), checkpoint['state_dict'], path)
        now = own['setting']
        changed = changed_settings(saved.get('setting', {}), now)
        if changed:
            runner.logger.warning(
                'This run is not bit for bit the one that was interrupted: '
                f'{"; ".join(changed)}.'
            )
        length = saved.get('setting', now)['iterations_per_epoch']
        if length != now['iterations_per_epoch']:
            rescale_progress(checkpoint, now['iterations_per_epoch'])
            runner.logger.warning(
                'Iterations, and the schedules that count them, go on at the same '
                f'epoch: iteration {checkpoint["meta"]["iter"]}.'
            )
