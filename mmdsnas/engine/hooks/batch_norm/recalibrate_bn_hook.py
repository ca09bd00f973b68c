from itertools import islice
from typing import Any, Dict, Optional

from mmengine.hooks import Hook
from torch.utils.data import DataLoader

from mmdsnas.models.batch_norm import (
    Statistics,
    batch_norms,
    copy_statistics,
    put_statistics,
    recalibrate,
)
from mmdsnas.registry import HOOKS
from mmdsnas.utils.options import Count, checked_options
from mmdsnas.utils.random_state import random_states_kept
from ..utils import model_of, train_loader


@HOOKS.register_module()
class RecalibrateBNHook(Hook):
    """Validates and tests with BatchNorm statistics of the child itself.

    The running statistics of a supernet are mixed over its paths. Before a
    validation or a test they are computed anew on batches of the training
    data, and afterwards those of the training are put back. The child that
    ``ExportChildHook`` writes has the new ones; checkpoints of the search have
    those of the training. Training goes on as if nothing had happened.

    The batches are the same every time: drawn and augmented by the run's seed.

    mmcls's ``PreciseBNHook`` does not serve: it executes the model in train
    mode, where DSNAS runs random paths, and keeps the statistics for training.

    Used in a config, of a search as of a child, or as an option of ``tools/test.py``::

        default_hooks = dict(recalibrate_bn=dict(type='RecalibrateBNHook'))

    Args:
        num_batches (int): Batches of training data, in each process; fewer if
            an epoch has fewer. Defaults to 20.

    Raises:
        ConfigError: ``num_batches`` is no number of batches, or the config
            has no ``train_dataloader`` (when validation begins).
    """

    @checked_options
    def __init__(self, num_batches: Count = 20) -> None:
        self.num_batches = num_batches
        self._loader: Optional[DataLoader] = None
        self._kept: Optional[Statistics] = None

    def before_val_iter(self, runner, batch_idx: int, data_batch: Any = None) -> None:
        """Computes statistics, when all hooks have had their say on weights."""
        if batch_idx == 0:
            self._recalibrate(runner)

    before_test_iter = before_val_iter

    def after_val_epoch(
        self, runner, metrics: Optional[Dict[str, float]] = None
    ) -> None:
        """Puts the statistics of the training back."""
        if self._kept is not None:
            put_statistics(batch_norms(model_of(runner)), self._kept)
            self._kept = None

    after_test_epoch = after_val_epoch

    def _recalibrate(self, runner) -> None:
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
