from typing import Dict

from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop

from mmdsnas.models import DSNAS
from mmdsnas.models.weights import check_weights, name_of
from mmdsnas.registry import HOOKS
from mmdsnas.subnets import check_classes
from mmdsnas.utils.random_state import seed_all
from ...optimizers import restart_accumulation
from ..utils import model_of
from .run_state import (
    changed_settings,
    check_search_space,
    is_kept,
    rescale_progress,
    run_state,
)


@HOOKS.register_module()
class ExactResumeHook(Hook):
    """Makes a resumed run go on as if it had never been interrupted.

    mmengine saves no random states. Here an epoch begins with random states that
    are a function of the seed, the epoch and the rank, and with no gradients that
    wait for a step; see ``run_state.py`` for all that there is. A checkpoint of another
    model is refused; where the run cannot be the same, e.g. on another number of
    ranks, the log says what changed.
    """

    def before_train(self, runner) -> None:
        """Says what cannot be exact."""
        loader = runner.train_dataloader
        if not _by_epoch(runner):
            runner.logger.warning(
                'train_cfg counts iterations: after a resume the images have another '
                'order and another augmentation.'
            )
        if loader.num_workers and loader.persistent_workers:
            runner.logger.warning(
                'train_dataloader.persistent_workers is True: the random states of '
                'workers that live on are not known after an interruption, so that a '
                'resumed run augments its images in another way.'
            )

    def before_train_epoch(self, runner) -> None:
        """Sets the random states of the epoch."""
        if not _by_epoch(runner):
            return
        seed_all([runner.seed, runner.epoch, get_rank()])
        restart_accumulation(runner.optim_wrapper, len(runner.train_dataloader))

    def before_save_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Adds what a resume depends on."""
        meta = checkpoint['meta']
        meta['run'] = run_state(runner, meta['epoch'])

    def after_load_checkpoint(self, runner, checkpoint: Dict) -> None:
        """Compares it with the run that goes on.

        Raises:
            CheckpointError: The checkpoint is of another search space or model, or of
                other classes.
        """
        if not runner._resume:
            return
        path, model = runner._load_from, model_of(runner)
        meta = checkpoint['meta']
        own = run_state(runner, meta['epoch'])
        saved = dict(own)
        if isinstance(meta.get('run'), dict):
            # A part that is missing or no such thing is not compared.
            saved.update(
                (name, part)
                for name, part in meta['run'].items()
                if isinstance(part, type(own.get(name)))
            )
        if isinstance(model, DSNAS):
            check_search_space(saved['search_space'], own['search_space'], path)
        data = getattr(runner.train_dataloader.dataset, 'metainfo', {})
        check_classes(checkpoint, data.get('classes'), path)
        check_weights(
            _without_changeable(model.state_dict()),
            _without_changeable(checkpoint['state_dict']),
            path,
        )
        self._compare(runner, saved, own)
        now = own['setting']['iterations_per_epoch']
        before = saved['setting'].get('iterations_per_epoch', now)
        if _by_epoch(runner) and before != now:
            rescale_progress(checkpoint, now)
            runner.logger.warning(
                'Iterations, and the schedules that count them, go on at the same '
                f'epoch: iteration {meta["iter"]}.'
            )

    def _compare(self, runner, saved: Dict, own: Dict) -> None:
        """Says what makes this run another one, and what does not but might."""
        changed = changed_settings(saved['setting'], own['setting'])
        changed += changed_settings(_options(saved, False), _options(own, False))
        if changed:
            runner.logger.warning(
                'This run is not bit for bit the one that was interrupted: '
                f'{"; ".join(changed)}.'
            )
        void = changed_settings(_options(saved, True), _options(own, True))
        if void:
            runner.logger.warning(
                'A resumed run keeps optimizers and schedules of its checkpoint; '
                f'without effect: {"; ".join(void)}. A new run with load_from takes '
                'the weights alone.'
            )


def _without_changeable(weights: Dict) -> Dict:
    """Without what another limit or another gradient estimator need not have."""
    prefixes = ('cost_term.multipliers.', 'gradient_estimator.')
    return {k: v for k, v in weights.items() if not name_of(k).startswith(prefixes)}


def _options(state: Dict, kept: bool) -> Dict:
    """Those that a resumed run has from its checkpoint, or those it does not."""
    return {n: v for n, v in state['options'].items() if is_kept(n) is kept}


def _by_epoch(runner) -> bool:
    return isinstance(runner.train_loop, EpochBasedTrainLoop)
