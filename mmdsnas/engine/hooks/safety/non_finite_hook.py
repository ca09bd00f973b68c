from mmengine.hooks import Hook

from mmdsnas.errors import NonFiniteError
from mmdsnas.models.batch_norm import batch_norms, copy_statistics, put_statistics
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Natural, checked_options
from ..utils import algorithm_of, named

COUNT = 'non_finite_steps'


@HOOKS.register_module()
class NonFiniteHook(Hook):
    """Ends a search whose losses or gradients stay infinite or NaN.

    ``SearchOptimWrapperDict`` leaves such a step out, for the weights and for
    ``alpha``. The running statistics of BatchNorm that the forward pass has spoilt
    become those of the start of the epoch. An overflow of float16 while the loss
    scale is above 1 does not count: the loss scaler mends it.

    Args:
        max_consecutive (int): How many steps may be left out one after another;
            one more ends the run.
    """

    @checked_options
    def __init__(self, max_consecutive: Natural = 10) -> None:
        self.max_consecutive = max_consecutive

    def before_train_epoch(self, runner) -> None:
        """Keeps the statistics of BatchNorm."""
        self._layers = batch_norms(algorithm_of(runner))
        self._statistics = copy_statistics(self._layers)

    def after_train_iter(
        self, runner, batch_idx, data_batch=None, outputs=None
    ) -> None:
        """Counts what was left out; a ``NonFiniteError`` if it was too much."""
        wrapper, hub = runner.optim_wrapper, runner.message_hub
        if wrapper.skipped is False:
            # The count is state of the run: a resumed one goes on with it.
            if hub.get_info(COUNT, 0):
                hub.update_info(COUNT, 0)
            return
        # Between two steps the loss alone tells: a look at all statistics is slow.
        if wrapper.skipped is None and outputs['loss'].isfinite():
            return
        for layer, kept in zip(self._layers, self._statistics):
            mean, variance = layer.running_mean, layer.running_var
            if not (mean.isfinite().all() and variance.isfinite().all()):
                put_statistics([layer], [kept])
        scaler = wrapper.loss_scaler
        overflow = scaler is not None and scaler.get_scale() > 1
        if wrapper.skipped is None or overflow:
            return
        count = hub.get_info(COUNT, 0) + 1
        hub.update_info(COUNT, count)
        runner.logger.warning(
            f'Iteration {runner.iter + 1}: the loss or a gradient is not finite; the '
            f'step was left out ({count} in a row).'
        )
        if count > self.max_consecutive:
            raise NonFiniteError(self._report(runner, count))

    def _report(self, runner, count: int) -> str:
        algorithm, wrappers = algorithm_of(runner), runner.optim_wrapper.items()
        path = named(algorithm, algorithm.mutator.current_choices)
        rates = ', '.join(f'{n} {w.param_groups[0]["lr"]:g}' for n, w in wrappers)
        last = runner.message_hub.get_info('last_ckpt', 'none yet')
        return (
            f'the loss or a gradient was not finite {count} times in a row, up to '
            f'iteration {runner.iter + 1} of epoch {runner.epoch + 1}; nothing of '
            f'these steps was taken over. Learning rates: {rates}. Path of this rank: '
            f'{path}. The last checkpoint is {last}. NonFiniteHook.max_consecutive '
            'says how many are allowed.'
        )
