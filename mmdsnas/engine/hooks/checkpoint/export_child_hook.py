import os.path as osp
from logging import INFO, WARNING
from typing import Any, Dict, List, Optional

from mmengine.dist import broadcast_object_list, is_main_process, master_only
from mmengine.hooks import Hook

from mmdsnas.registry import HOOKS
from mmdsnas.subnets import child_checkpoint, child_config, save_child, what_is_missing
from mmdsnas.visualization.tables import child_table
from ...child_evaluation import evaluate_child, has_test_data, keep_test
from ..utils import algorithm_of, plan_of
from .ema_hook import averaged_weights

SUBNET_PTH = 'subnet.pth'
SUBNET_YAML = 'subnet.yaml'


@HOOKS.register_module()
class ExportChildHook(Hook):
    """Leaves the child in the work directory, and a table at the end.

    ``subnet.pth`` (weights) and ``subnet.yaml`` (MMRazor's subnet format) are
    those of the last validation, and are written anew by each, so that an
    interrupted run leaves a child too.

    Where a run validates, and ``test_dataloader`` has another data set than
    ``val_dataloader``, the child is evaluated on that when the training is over: once,
    alone, as ``subnet.pth`` has it, whose ``meta`` then has ``test_metrics``.
    """

    def __init__(self) -> None:
        self._training = False

    def before_train(self, runner) -> None:
        """Notes where the run starts."""
        self._training = True
        self._start_epoch = self._exported_epoch = runner.epoch
        self._meta: Dict[str, Any] = {}

    def after_val_epoch(
        self, runner, metrics: Optional[Dict[str, float]] = None
    ) -> None:
        """Writes the child that was just validated."""
        # runner.val() alone is an evaluation, not a part of a search.
        if self._training:
            self._export(runner, metrics or {})

    def after_train(self, runner) -> None:
        """Writes the child if the last epoch was not validated."""
        if runner.epoch == self._start_epoch:
            runner.logger.info(
                'There was no epoch left to run; train_cfg.max_epochs says how many '
                'there are.'
            )
        # A finished run that is resumed keeps the child of its validation.
        missing = [not all(osp.isfile(path) for path in self._files(runner))]
        # All ranks do the same; the files are on the machine of rank 0.
        broadcast_object_list(missing)
        if self._exported_epoch != runner.epoch or missing[0]:
            with averaged_weights(runner):
                self._export(runner, {})
        if has_test_data(runner):
            self._test(runner)
        if self._meta:
            self._print_table(runner)

    def _test(self, runner) -> None:
        checkpoint = evaluate_child(runner, self._files(runner)[1])
        if checkpoint is not None and is_main_process():
            self._save(runner, checkpoint)

    def _files(self, runner) -> List[str]:
        return [osp.join(runner.work_dir, name) for name in (SUBNET_YAML, SUBNET_PTH)]

    def _export(self, runner, metrics: Dict[str, float]) -> None:
        self._exported_epoch = runner.epoch
        if is_main_process():
            self._save_child(runner, metrics)

    def _save_child(self, runner, metrics: Dict[str, float]) -> None:
        dataset_meta = runner.message_hub.get_info('dataset_meta', {}) or {}
        weights_optimizer = runner.optim_wrapper['architecture']
        checkpoint = child_checkpoint(
            algorithm_of(runner),
            dict(
                epoch=runner.epoch,
                plan=plan_of(runner),
                lr=weights_optimizer.param_groups[0]['lr'],
                metrics=metrics,
                dataset_meta=dataset_meta,
                child_config=child_config(runner.cfg),
            ),
        )
        if runner.epoch == self._start_epoch:
            keep_test(checkpoint, self._files(runner)[1])
        self._save(runner, checkpoint)

    def _save(self, runner, checkpoint: Dict[str, Any]) -> None:
        yaml, pth = self._files(runner)
        save_child(checkpoint, pth, yaml)
        self._meta = checkpoint['meta']

    @master_only
    def _print_table(self, runner) -> None:
        level = INFO if what_is_missing(self._meta) is None else WARNING
        runner.logger.log(level, child_table(self._meta, self._files(runner)))
