import shutil
from pathlib import Path

from mmengine.dist import is_main_process
from mmengine.hooks import Hook

from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.models.cost import in_words
from mmdsnas.registry import HOOKS
from mmdsnas.subnets.checkpoint import CHILDREN, SUPERNET, load_checkpoint
from mmdsnas.subnets.metadata import meta_of
from mmdsnas.utils.ranks import on_rank_0
from mmdsnas.visualization.csv_files import FRONT
from ..utils import algorithm_of
from .atomic_checkpoint_hook import BACKEND
from .run_state import COST

# Of the search, among its children: it tells them from a folder of somebody else.
CONFIG = 'search.py'
# In the meta of a checkpoint: what goes on from it may have other limits.
OPEN = 'limits_are_open'


@HOOKS.register_module()
class KeepSupernetHook(Hook):
    """Keeps the run as it is before a child is chosen, as ``supernet.pth``.

    A child within another limit goes on from there; :func:`mmdsnas.train` adds the hook
    to searches with ``model.cost.limits``. What a work directory has of other runs'
    children is removed when the supernet is written: they are of another one.
    """

    def before_train(self, runner) -> None:
        """Refuses a run whose children cannot have its supernet in common.

        Raises:
            ConfigError: There is no epoch before, or after, the child is chosen; blocks
                are fixed before that; or the run had another limit.
            CheckpointError: The run goes on after that moment, but nothing was kept.
        """
        algorithm = algorithm_of(runner)
        begin, chosen = algorithm.pretrain_epochs, algorithm.finetune_epochs
        if not 0 < chosen < runner.max_epochs:
            raise ConfigError(
                'model.finetune_epochs must be at least 1 and below '
                f'train_cfg.max_epochs, {runner.max_epochs}, for model.cost.limits, '
                f'whose children have all epochs before in common, but is {chosen}.'
            )
        if algorithm.pretrain_path == 'first' and begin < chosen:
            raise ConfigError(
                'model.finetune_epochs must be model.pretrain_epochs, '
                f'{begin}, for model.cost.limits in a pretrained network, whose search '
                f'stage would be that of one child, but is {chosen}.'
            )
        if algorithm.mutator.fix_threshold is not None and begin < chosen:
            raise ConfigError(
                'model.mutator.fix_threshold must be None for model.cost.limits, since '
                'what is fixed early within one limit leaves no choice within others, '
                f'but is {algorithm.mutator.fix_threshold}.'
            )
        if runner.epoch > chosen:
            file = Path(runner.work_dir) / SUPERNET
            kept = on_rank_0(lambda: kept_limits(file), 'look at the supernet')
            own = dict(algorithm.cost_term.limits)
            if kept != own:
                raise ConfigError(
                    f'the loosest of model.cost.limits must be {in_words(kept)}, which '
                    f'the run began with, but is {in_words(own)}; mmdsnas pick --train '
                    'makes a child within another one.'
                )

    def before_train_epoch(self, runner) -> None:
        """Writes the file, before anything chooses the child."""
        if runner.epoch != algorithm_of(runner).finetune_epochs:
            return
        if is_main_process():
            remove_children(Path(runner.work_dir))
        runner.save_checkpoint(
            runner.work_dir,
            SUPERNET,
            meta=dict(epoch=runner.epoch, iter=runner.iter, **{OPEN: True}),
            backend_args=dict(backend=BACKEND),
        )


def remove_children(folder: Path) -> None:
    """Removes the children of several limits from a work directory."""
    (folder / FRONT).unlink(missing_ok=True)
    children = folder / CHILDREN
    if (children / CONFIG).is_file():
        # The config last: what is left of a removal that was killed goes the next time.
        for place in filter(Path.is_dir, children.iterdir()):
            shutil.rmtree(place)
        shutil.rmtree(children)


def kept_limits(file: Path) -> dict[str, float]:
    """The limits of the search that left a supernet.

    Raises:
        CheckpointError: There is none.
    """
    if not file.is_file():
        raise CheckpointError(
            f'{file} must be there for model.cost.limits to go on, as the run with '
            'these limits left it when its child was chosen, but is not.'
        )
    run = meta_of(load_checkpoint(file)).get('run', {})
    return dict(run.get('setting', {}).get(f'{COST}limits', {}))
