from mmengine.hooks import Hook

from mmdsnas.datasets import AlternatingBatchSampler
from mmdsnas.errors import ConfigError
from mmdsnas.models import Stage
from mmdsnas.registry import HOOKS
from ..utils import algorithm_of


@HOOKS.register_module()
class HeldOutBatchHook(Hook):
    """Trains ``alpha`` on images that the weights are not trained on.

    As in DARTS (Liu et al., ICLR 2019), GDAS (Dong and Yang, CVPR 2019) and
    ProxylessNAS (Cai et al., ICLR 2019), first order; with any gradient estimator.

    ========  ==================  =============================================
    stage     iteration in epoch  what happens
    ========  ==================  =============================================
    pretrain  all                 the weights are trained, on their half alone
    search    even, from 0        the weights are trained, on their half
    search    odd                 ``alpha`` is trained, on the other half
    finetune  all                 the child's weights are trained, on all images
    ========  ==================  =============================================

    What is not trained keeps its momentum too and gets no weight decay. Where the
    weights are trained, a sampled path is executed as without gates, or the mixture of
    the estimators that mix candidates; there is no cost term, and multipliers of limits
    do not move. Running statistics of BatchNorm follow all batches, and schedules count
    all iterations. Once every block is fixed, all batches train the weights.

    It keeps nothing: whose turn it is, is a function of the iteration in the epoch.
    It needs ``train_dataloader.batch_sampler=dict(type='AlternatingBatchSampler')``.
    """

    def before_train(self, runner) -> None:
        """Raises a ``ConfigError`` if no half is held out, or gradients accumulate."""
        batches = getattr(runner.train_dataloader, 'batch_sampler', None)
        if not isinstance(batches, AlternatingBatchSampler):
            raise ConfigError(
                'train_dataloader.batch_sampler must be '
                "dict(type='mmdsnas.AlternatingBatchSampler') with HeldOutBatchHook, "
                f'but is a {type(batches).__name__}.'
            )
        counts = runner.optim_wrapper['architecture']._accumulative_counts
        if counts != 1:
            raise ConfigError(
                'accumulative_counts of optim_wrapper must be 1 with HeldOutBatchHook, '
                'because weights and alpha take turns in every iteration, but is '
                f'{counts}.'
            )

    def before_train_epoch(self, runner) -> None:
        """Keeps the held-out half from the weights before the search stage."""
        pretraining = algorithm_of(runner).stage is Stage.PRETRAIN
        runner.train_dataloader.batch_sampler.uses_held_out = not pretraining

    def before_train_iter(self, runner, batch_idx: int, data_batch=None) -> None:
        """Says whose turn it is."""
        algorithm, only = algorithm_of(runner), None
        if algorithm.searching:
            only = 'mutator' if batch_idx % 2 else 'architecture'
        algorithm.begin(trains_alpha=only != 'architecture')
        runner.optim_wrapper.only = only
