import shutil
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.registry import HOOKS
from mmdsnas.subnets.checkpoint import CHILDREN, SUPERNET
from mmdsnas.utils.ranks import on_rank_0
from mmdsnas.visualization.csv_files import FRONT
from ..utils import algorithm_of
from .atomic_checkpoint_hook import BACKEND

# In the meta of a checkpoint: what goes on from it may have other limits.
OPEN = 'limits_are_open'


@HOOKS.register_module()
class KeepSupernetHook(Hook):
    """Keeps the run as it is before a child is chosen, as ``supernet.pth``.

    A child within another limit goes on from there, see
    :func:`~mmdsnas.launch.front.train_front`. What a work directory has of other runs'
    children is removed when the supernet is written: they are of another one.
    """

    def before_train(self, runner) -> None:
        """Refuses a run that has no stage for the children, or that lacks the file.

        Raises:
            ConfigError: There is no epoch before, or after, the child is chosen.
            CheckpointError: The run goes on after that moment, but nothing was kept.
        """
        algorithm = algorithm_of(runner)
        chosen, epochs = algorithm.finetune_epochs, runner.max_epochs
        if not 0 < chosen < epochs:
            raise ConfigError(
                'model.finetune_epochs must be at least 1 and below '
                f'train_cfg.max_epochs, {epochs}, for model.cost.limits, whose '
                f'children have all epochs before in common, but is {chosen}.'
            )
        file = Path(runner.work_dir) / SUPERNET
        is_there = on_rank_0(file.is_file, 'look for the supernet')
        if runner.epoch > chosen and not is_there:
            raise CheckpointError(
                f'{file} must be there for model.cost.limits to go on after epoch '
                f'{chosen}, as the run with these limits left it, but is not.'
            )

    def before_train_epoch(self, runner) -> None:
        """Writes the file, before anything chooses the child."""
        if runner.epoch != algorithm_of(runner).finetune_epochs:
            return
        if is_main_process():
            folder = Path(runner.work_dir)
            (folder / FRONT).unlink(missing_ok=True)
            shutil.rmtree(folder / CHILDREN, ignore_errors=True)
        runner.save_checkpoint(
            runner.work_dir,
            SUPERNET,
            meta=dict(epoch=runner.epoch, iter=runner.iter, **{OPEN: True}),
            backend_args=dict(backend=BACKEND),
        )
