"""Hooks that write down the child: in a file of its own, and in checkpoints."""

import os.path as osp
from logging import INFO, WARNING
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import is_main_process, master_only
from mmengine.hooks import Hook
from mmengine.runner import ValLoop

from mmdsnas.errors import CheckpointError
from mmdsnas.models import DSNAS
from mmdsnas.registry import HOOKS
from mmdsnas.subnets import (
    child_checkpoint,
    child_config,
    read_subnet,
    save_child,
    subnet_of_path,
    what_is_missing,
)
from mmdsnas.subnets.checkpoint import SUBNET_PTH, SUBNET_YAML, load_checkpoint
from mmdsnas.subnets.metadata import INT8, Metadata, meta_of
from mmdsnas.utils.ranks import on_rank_0
from mmdsnas.visualization.csv_files import VALIDATION
from mmdsnas.visualization.tables import child_table
from ...evaluation import KEY, evaluate_child, has_test_data
from ...prediction_collector import PredictionCollector
from ..utils import algorithm_of, model_of, plan_of
from .ema_hook import averaged_weights

# Where the meta of a child's file says whose images its predictions are of.
PREDICTED_ON = 'predicted_on'


@HOOKS.register_module()
class ExportChildHook(Hook):
    """Leaves the child in the work directory, and a table at the end.

    ``subnet.pth`` (weights) and ``subnet.yaml`` (MMRazor's subnet format) are written
    by each validation of the child, so that an interrupted run leaves a child too.

    Where a run validates, and ``test_dataloader`` has another data set than
    ``val_dataloader``, the child is evaluated on that when the training is over: once,
    alone, as ``subnet.pth`` has it, whose ``meta`` then has ``test_metrics``.

    What the child says of each image of that evaluation, or of the last validation
    where there are no such data, is left as ``predictions.csv``, ``classes.csv`` and
    ``confusion.csv``, if it classifies; ``predicted_on`` of ``meta`` tells which.
    Beside those of a test the folder ``validation`` has those of the validation.
    """

    _training = False

    def before_train(self, runner) -> None:
        """Notes where the run starts."""
        self._training = True
        self._start_epoch = self._exported_epoch = runner.epoch
        self._meta: Metadata = {}
        self._tests = has_test_data(runner)
        self._predictions = PredictionCollector()
        self._files = [osp.join(runner.work_dir, n) for n in (SUBNET_PTH, SUBNET_YAML)]

    def before_val_epoch(self, runner) -> None:
        """Begins to collect predictions."""
        self._predictions = PredictionCollector()

    def after_val_iter(self, runner, batch_idx, data_batch=None, outputs=None) -> None:
        """Keeps what was said of a batch."""
        if self._training:
            self._predictions.add(outputs)

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Writes the child that was just validated."""
        # runner.val() alone is an evaluation, not a part of a search. And there is no
        # child while the network that it will be chosen from is tuned.
        if self._training and not algorithm_of(runner).trains_first:
            self._export(runner, metrics or {}, runner.val_loop)

    def after_train(self, runner) -> None:
        """Writes the child if the last epoch was not validated."""
        if runner.epoch == self._start_epoch:
            runner.logger.info(
                'There was no epoch left to run; train_cfg.max_epochs says how many '
                'there are.'
            )
        # A finished run that is resumed keeps the child of its validation.
        files = self._files
        there = on_rank_0(lambda: all(map(osp.isfile, files)), 'look for the child')
        if self._exported_epoch != runner.epoch or not there:
            with averaged_weights(runner):
                self._export(runner, {})
        if self._tests:
            predictions = PredictionCollector()
            checkpoint = evaluate_child(runner, files[0], predictions.add)
            if checkpoint is not None:
                loader = runner.test_loop.dataloader
                if predictions.write(loader, Path(runner.work_dir)):
                    checkpoint['meta'][PREDICTED_ON] = 'test'
                self._save(checkpoint)
        # Of rank 0 alone.
        if self._meta:
            level = INFO if what_is_missing(self._meta) is None else WARNING
            runner.logger.log(level, child_table(self._meta, files[::-1]))

    def _export(
        self, runner, metrics: dict[str, float], validated: ValLoop | None = None
    ) -> None:
        self._exported_epoch = runner.epoch
        is_predicted = False
        if validated is not None:
            folder = Path(runner.work_dir, VALIDATION if self._tests else '')
            is_written = self._predictions.write(validated.dataloader, folder)
            is_predicted = is_written and not self._tests
        if not is_main_process():
            return
        extra = dict(
            epoch=runner.epoch,
            plan=plan_of(runner),
            lr=runner.optim_wrapper['architecture'].param_groups[0]['lr'],
            metrics=metrics,
            dataset_meta=runner.message_hub.get_info('dataset_meta', {}) or {},
            child_config=child_config(runner.cfg, algorithm_of(runner).child_edge),
        )
        checkpoint = child_checkpoint(algorithm_of(runner), extra)
        if runner.epoch == self._start_epoch:
            _keep_test(checkpoint, self._files[0])
        # Also in place of a test whose data have gone since.
        if is_predicted:
            checkpoint['meta'][PREDICTED_ON] = 'val'
        self._save(checkpoint)

    @master_only
    def _save(self, checkpoint: dict[str, Any]) -> None:
        save_child(checkpoint, *self._files)
        self._meta = checkpoint['meta']


def _keep_test(checkpoint: dict[str, Any], path: str) -> None:
    """Takes over what is known of a test of the same child.

    A finished run that is resumed validates its child, and writes its file, again.
    """
    try:
        before = load_checkpoint(path)
    except CheckpointError:
        return
    old, new = before['state_dict'], checkpoint['state_dict']
    same = old.keys() == new.keys() and all(torch.equal(old[k], new[k]) for k in new)
    meta = meta_of(before)
    if same:
        known = (KEY, PREDICTED_ON, INT8) if KEY in meta else (INT8,)
        checkpoint['meta'].update({key: meta[key] for key in known if key in meta})


@HOOKS.register_module()
class RecordSubnetHook(Hook):
    """Lets a checkpoint name its subnet.

    That of a search names the child it would give, the shape of the images and what
    the run is to do; that of a child trained alone the subnet it was built from. The
    tools then build the child without being told which one, and without a config.
    """

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """Puts ``subnet``, ``child_config`` and the others into ``meta``."""
        model, meta, edge = model_of(runner), checkpoint['meta'], None
        if isinstance(model, DSNAS):
            edge = model.child_edge
            path = model.mutator.child_of(checkpoint['state_dict'], 'mutator.')
            meta['subnet'] = subnet_of_path(model, path)
            meta['input_shape'] = model.resource_estimator.input_shape
            meta['image_size'] = model.edge
            meta['plan'] = plan_of(runner)
        elif runner.cfg.model.get('fix_subnet') is not None:
            meta['subnet'] = read_subnet(runner.cfg.model.fix_subnet)
        if 'subnet' in meta:
            meta['child_config'] = child_config(runner.cfg, edge)
