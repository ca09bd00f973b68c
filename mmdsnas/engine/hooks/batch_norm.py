"""Hooks for the statistics of BatchNorm."""

from itertools import islice
from typing import Any

from mmengine.hooks import Hook
from torch.utils.data import DataLoader

from mmdsnas.models import DSNAS
from mmdsnas.models.batch_norm import (
    Statistics,
    average_statistics,
    batch_norms,
    copy_statistics,
    put_statistics,
    recalibrate,
)
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Count, checked_options
from mmdsnas.utils.random_state import random_states_kept
from .utils import model_of, train_loader


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


@HOOKS.register_module()
class ResetBNStatsHook(Hook):
    """Forgets the running statistics of BatchNorm when finetuning starts.

    Up to there they are mixed over the sampled paths. The epoch is ``finetune_epochs``
    of a search and the first one where a child is trained alone. The authors' code
    does it with ``--reset_bn_stat``. A run that is resumed later does not do it again.

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


@HOOKS.register_module()
class RecalibrateBNHook(Hook):
    """Validates and tests with BatchNorm statistics of the child itself.

    Before a validation or a test they are computed anew on batches of the training
    data, and afterwards those of the training, which are mixed over the paths of a
    supernet, are put back. The child that ``ExportChildHook`` writes has the new ones;
    checkpoints of the search have those of the training.

    The batches are the same every time: drawn and augmented by the run's seed.

    mmcls's ``PreciseBNHook`` does not serve: it executes the model in train
    mode, where DSNAS runs random paths, and keeps the statistics for training.

    Used in a config, of a search as of a child, or as an option of ``tools/test.py``::

        default_hooks = dict(recalibrate_bn=dict(type='RecalibrateBNHook'))

    Args:
        num_batches (int): Batches of training data, in each process; fewer if
            an epoch has fewer.

    Raises:
        ConfigError: The config has no ``train_dataloader`` (when validation begins).
    """

    @checked_options
    def __init__(self, num_batches: Count = 20) -> None:
        self.num_batches = num_batches
        self._loader: DataLoader | None = None
        self._kept: Statistics | None = None

    def before_val_iter(self, runner, batch_idx: int, data_batch: Any = None) -> None:
        """Computes statistics, when all hooks have had their say on weights."""
        if batch_idx > 0:
            return
        model = model_of(runner)
        self._kept = copy_statistics(batch_norms(model))
        with random_states_kept(runner.seed):
            if self._loader is None:
                self._loader = train_loader(runner, 'RecalibrateBNHook')
            layers = recalibrate(model, islice(self._loader, self.num_batches))
        runner.logger.info(
            f'Statistics of {layers} BatchNorm layers are those of '
            f'{min(self.num_batches, len(self._loader))} training batches.'
        )

    before_test_iter = before_val_iter

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Puts the statistics of the training back."""
        if self._kept is not None:
            put_statistics(batch_norms(model_of(runner)), self._kept)
            self._kept = None

    after_test_epoch = after_val_epoch
