from pathlib import Path
from typing import Any, Mapping, Optional, Union

from mmengine.config import Config
from mmengine.runner import Runner

from mmdsnas.engine.hooks import DataCheckHook
from mmdsnas.subnets.checkpoint_files import Checkpoints
from mmdsnas.utils.files import check_writable
from mmdsnas.utils.foreign import telling
from . import run_config
from .processes import start_processes
from .refusals import left_as_it_was
from .runner_options import build_runner
from .start import resume as resume_from
from .start import start_from_checkpoint


def train(
    config: Union[str, Path, Config],
    work_dir: Union[str, Path, None] = None,
    *,
    options: Optional[Mapping[str, Any]] = None,
    resume: Union[bool, str, Path] = False,
    amp: bool = False,
    validate: bool = True,
    auto_scale_lr: bool = False,
    launcher: str = 'none',
    local_rank: int = 0,
    trust_checkpoint: bool = False,
) -> Runner:
    """Runs a search, or trains a child: ``mmdsnas train``.

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
    config = run_config.load_config(config, options)
    run_config.set_work_dir(config, work_dir)
    run_config.use_device(config)
    start_processes(config, launcher, local_rank)
    if not validate:
        config.val_cfg = config.val_dataloader = config.val_evaluator = None
    checkpoints = Checkpoints(trust_checkpoint)
    if resume or config.get('resume'):
        given = resume or config.get('load_from') or True
        resume_from(config, 'auto' if given is True else str(given), checkpoints)
    start_from_checkpoint(config, options, checkpoints)
    run_config.check_input_shape(config)
    if amp:
        run_config.enable_amp(config)
    if auto_scale_lr or (config.get('auto_scale_lr') or {}).get('enable'):
        run_config.scale_lr(config)
    data_check = DataCheckHook()
    with left_as_it_was(config, trains=lambda: data_check.training):
        check_writable(config.work_dir, 'work_dir')
        with checkpoints.for_mmengine():
            with telling('the run cannot be built from its config'):
                runner = build_runner(config)
                # mmengine builds the data when they are first asked for.
                for loop in ('train_loop', 'val_loop'):
                    getattr(runner, loop)
            runner.register_hook(data_check)
            runner.train()
    return runner
