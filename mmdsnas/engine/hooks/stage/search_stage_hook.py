import gc

import mmengine.hooks
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import EpochBasedTrainLoop

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS, Stage
from mmdsnas.models.cost import limits_of_networks
from mmdsnas.registry import HOOKS
from ...optimizers.search_optim_wrapper_dict import SearchOptimWrapperDict
from ..checkpoint.ema_hook import EMAHook
from ..utils import algorithm_of, common_seed, named


@HOOKS.register_module()
class SearchStageHook(Hook):
    """Tells the algorithm where the run is: epoch, iteration and seed.

    Every DSNAS config needs it. It keeps nothing: after a resume the
    algorithm is told the epoch that the run goes on with.
    """

    def before_train(self, runner) -> None:
        """Raises a ``ConfigError`` on what a search cannot run with."""
        if not isinstance(runner.train_loop, EpochBasedTrainLoop):
            raise ConfigError(
                'train_cfg must be epoch-based (by_epoch=True), because the '
                'stages of DSNAS are counted in epochs, but the loop is '
                f'{type(runner.train_loop).__name__}.'
            )
        if not isinstance(runner.optim_wrapper, SearchOptimWrapperDict):
            raise ConfigError(
                'optim_wrapper must have constructor='
                "'mmdsnas.SearchOptimWrapperConstructor', which builds the "
                'optimizers of weights and alpha, but it gives a '
                f'{type(runner.optim_wrapper).__name__}.'
            )
        if runner.cfg.get('activation_checkpointing'):
            raise ConfigError(
                'activation_checkpointing cannot be used in a search, because what '
                'it computes again lacks the gates of the blocks; candidates may '
                'have with_cp=True instead.'
            )
        averages = [h for h in runner.hooks if isinstance(h, mmengine.hooks.EMAHook)]
        if not all(isinstance(hook, EMAHook) for hook in averages):
            raise ConfigError(
                "the config has mmengine's EMAHook, which averages alpha; use "
                "type='mmdsnas.EMAHook', which takes the same options."
            )
        algorithm = algorithm_of(runner)
        chooses = HOOKS.get('ChooseChildHook')
        labels = any(isinstance(hook, chooses) for hook in runner.hooks)
        if algorithm.soft_labels is not None and not labels:
            raise ConfigError(
                'model.distillation must have a ChooseChildHook, which sets the labels '
                'that the child learns from, but the config has none.'
            )
        self._check_measured_whole(algorithm, runner.max_epochs)
        # After a resume a validation may come before the first iteration.
        algorithm.begin(iteration=max(runner.iter - 1, 0), seed=common_seed(runner))
        last = runner.epoch - 1
        if last >= 0 and algorithm.stage_of(last) is Stage.PRETRAIN:
            # Which nothing was fixed in: a path that is trained alone is evaluated.
            algorithm.begin(epoch=last)
        if not algorithm.cost_term.allows(algorithm.mutator.derive_child()):
            raise ConfigError(
                'model.cost.limit must leave a path, but all choices are fixed already '
                'and the child costs more; go on with the limit that the search had.'
            )

    def _check_measured_whole(self, algorithm: DSNAS, epochs: int) -> None:
        """Refuses limits that the child could not be measured for, or not again."""
        names = limits_of_networks(algorithm.cost_term)
        if whole := algorithm.resource_estimator.measured_whole(names):
            names, last = ' and '.join(whole), algorithm.finetune_epochs
            threshold = algorithm.mutator.fix_threshold
            if threshold is not None:
                raise ConfigError(
                    'model.mutator.fix_threshold must be None for a limit on '
                    f'{names}, which the child is measured for as a whole, since what '
                    f'is fixed early cannot be chosen again, but is {threshold}.'
                )
            if last >= epochs:
                raise ConfigError(
                    'model.finetune_epochs must be below train_cfg.max_epochs, which '
                    f'is {epochs}, for a limit on {names}, which the child is measured '
                    f'for when the finetune stage begins, but is {last}.'
                )

    def before_train_epoch(self, runner) -> None:
        """Enters the epoch; blocks are fixed here and nowhere else."""
        algorithm = algorithm_of(runner)
        before = algorithm.stage
        settled = algorithm.begin(epoch=runner.epoch)
        if algorithm.stage is not before:
            stage = algorithm.stage.value
            runner.logger.info(f'Stage {stage} from epoch {runner.epoch + 1}.')
            if algorithm.stage is Stage.FINETUNE:
                self._drop_unselected(runner)
        if settled:
            runner.logger.info(f'Fixed: {named(algorithm, settled)}')

    def _drop_unselected(self, runner) -> None:
        """Frees optimizers and ranks of what the finetune stage does not use."""
        runner.optim_wrapper.forget_frozen()
        if not is_model_wrapper(runner.model):
            return
        given = runner.cfg.get('model_wrapper_cfg') or {}
        config = {'broadcast_buffers': False, **given, 'find_unused_parameters': False}
        # The old wrapper must be gone, or its hooks would exchange gradients too.
        algorithm, runner.model = algorithm_of(runner), None
        gc.collect()
        runner.model = runner.wrap_model(config, algorithm)
        if runner.cfg.get('compile'):
            runner._maybe_compile('train_step')

    def before_train_iter(self, runner, batch_idx: int, data_batch=None):
        """Tells what the draw of this iteration is a function of."""
        algorithm_of(runner).begin(iteration=runner.iter, seed=common_seed(runner))
