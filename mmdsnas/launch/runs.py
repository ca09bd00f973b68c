from functools import partial
from pathlib import Path
from typing import Any, Mapping

from mmengine.config import Config
from mmengine.evaluator import DumpResults
from mmengine.runner import Runner

from mmdsnas.engine import DataCheckHook, KeepSupernetHook
from mmdsnas.engine.hooks.utils import model_of
from mmdsnas.models import DSNAS
from mmdsnas.models.weights import load_weights
from mmdsnas.subnets import (
    check_classes,
    child_of_search,
    is_of_search,
    recorded_input_size,
    warn_of_unfinished,
)
from mmdsnas.subnets.checkpoint_files import Checkpoints
from mmdsnas.utils.files import check_writable
from .building import build_runner, build_training, building
from .comparing import SearchedChildHook, compare
from .front import train_front
from .given_options import Given
from .refusals import left_as_it_was
from .run_config import TEST, TRAIN, WRITTEN, prepared
from .run_options import is_search

# What a mistake raises, but neither the memory, the disk nor another rank.
MISTAKES = (AssertionError, AttributeError, LookupError, TypeError, ValueError)


def train(
    config: str | Path | Config,
    work_dir: str | Path | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    resume: bool | str | Path = False,
    amp: bool = False,
    validate: bool = True,
    auto_scale_lr: bool = False,
    launcher: str = 'none',
    local_rank: int = 0,
    trust_checkpoint: bool = False,
) -> Runner:
    """Runs a search, or trains a child: ``mmdsnas train``.

    A search with ``model.cost.limits`` trains a child for each of them, the others in
    folders of the work directory.

    Args:
        config (str | Path | Config): Path of a config, the name of one of mmdsnas, or
            the config itself, which is copied.
        work_dir (str | Path, optional): Folder for what the run leaves, by default
            the config's, or ``work_dirs/NAME``.
        options (Mapping, optional): Options that replace those of the config, by
            their dotted names: ``{'model.cost.limit': 3}``.
        resume (bool | str | Path): Whether to go on with the latest checkpoint of the
            work dir, or with which one.
        amp (bool): Whether to train in mixed precision.
        validate (bool): Whether to validate.
        auto_scale_lr (bool): Whether to scale the weights' learning rate to the batch
            size.
        launcher (str): What started the processes: ``'none'``, ``'pytorch'``,
            ``'slurm'`` or ``'mpi'``.
        local_rank (int): Rank on this machine, where ``LOCAL_RANK`` is unset.
        trust_checkpoint (bool): Whether code in checkpoints may run.

    Returns:
        Runner: After its training.

    Raises:
        UserError: Whatever a user can mend, see :mod:`mmdsnas.errors`.
    """
    options = dict(options or {}, launcher=launcher)
    if work_dir is not None:
        options['work_dir'] = work_dir
    if not validate:
        options.update(val_cfg=None, val_dataloader=None, val_evaluator=None)
    given = Given(
        options,
        local_rank=local_rank,
        resume=resume,
        amp=amp,
        auto_scale_lr=auto_scale_lr,
        checkpoints=Checkpoints(trust_checkpoint),
    )
    written, config = config, prepared(config, TRAIN, given)
    check = DataCheckHook()
    with (
        left_as_it_was(config, lambda: check.training),
        given.checkpoints.for_mmengine(),
    ):
        check_writable(config.work_dir, 'work_dir')
        runner = build_runner(config)
        build_training(runner)
        runner.register_hook(check)
        if config.get('own_images') or is_search(config):
            runner.register_hook(SearchedChildHook())
        several = (config.model.get('cost') or {}).get('limits')
        if several:
            runner.register_hook(KeepSupernetHook())
        with building(config, MISTAKES, until=lambda: check.training):
            runner.train()
    again = partial(train, launcher=launcher, trust_checkpoint=trust_checkpoint)
    if several:
        train_front(config, model_of(runner).limits, again)
    if (config.get('own_images') or {}).get('compare'):
        begun = prepared(written, WRITTEN, given)
        load_from = None if begun.get('resume') else begun.get('load_from')
        compare(config, load_from, again)
    return runner


def test(
    config: str | Path | Config,
    checkpoint: str | Path,
    work_dir: str | Path | None = None,
    *,
    options: Mapping[str, Any] | None = None,
    predictions: str | Path | None = None,
    show_dir: str | Path | None = None,
    launcher: str = 'none',
    local_rank: int = 0,
    trust_checkpoint: bool = False,
) -> dict[str, float]:
    """Tests the child of a search, or a child alone: ``mmdsnas test``.

    Arguments that are not listed are those of :func:`train`.

    Args:
        checkpoint (str | Path): Of the search, or of the child, which it names.
        predictions (str | Path, optional): A ``.pkl`` file for the predictions.
        show_dir (str | Path, optional): Folder for pictures of the predictions.

    Returns:
        dict[str, float]: The metrics, such as ``accuracy/top1`` in percent.

    Raises:
        UserError: Whatever a user can mend, see :mod:`mmdsnas.errors`.
    """
    checkpoints = Checkpoints(trust_checkpoint)
    loaded = checkpoints.load(checkpoint)
    # The weights alone are loaded, later.
    options = dict(options or {}, launcher=launcher, load_from=None, resume=False)
    if work_dir is not None:
        options['work_dir'] = work_dir
    size = recorded_input_size(loaded)
    given = Given(
        options,
        size,
        local_rank=local_rank,
        tested=loaded,
        show_dir=show_dir,
        checkpoints=checkpoints,
    )
    config = prepared(config, TEST, given)
    check_writable(config.work_dir, 'work_dir')
    with checkpoints.for_mmengine():
        runner = build_runner(config)
        with building(config):
            data = runner.test_loop.dataloader.dataset
        model = getattr(runner.model, 'module', runner.model)
        if is_of_search(loaded) and not isinstance(model, DSNAS):
            weights = child_of_search(loaded['state_dict'], model)
            loaded['state_dict'] = weights
        # Data sets that are not mmengine's have none.
        classes = getattr(data, 'metainfo', {}).get('classes')
        check_classes(loaded, classes, checkpoint)
        load_weights(model, loaded, checkpoint)
        warn_of_unfinished(loaded, checkpoint)
        if predictions is not None:
            dump = DumpResults(out_file_path=str(predictions))
            runner.test_evaluator.metrics.append(dump)
        return runner.test()
