"""One run of a benchmark, through mmengine's Runner."""

import tempfile
import time
import uuid
from pathlib import Path
from typing import Any, Callable, Mapping, Sequence

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.model import BaseModel
from mmengine.runner import Runner

# Registers everything that the configs name.
import mmdsnas.engine  # noqa: F401
import mmdsnas.subnets  # noqa: F401


def run(
    config_file: Path,
    seed: int,
    options: Mapping[str, Any] | None = None,
    prepare: Callable[[BaseModel], None] | None = None,
    hooks: Sequence[Hook] = (),
) -> tuple[Runner, float]:
    """Runs a config from beginning to end; it leaves no files.

    Args:
        config_file (Path): The config.
        seed (int): Seed of the run.
        options (dict, optional): As ``--cfg-options`` gives them.
        prepare (Callable, optional): Gets the model before it is trained.
        hooks (Sequence[Hook]): More than the config has.

    Returns:
        tuple: The runner at its end, and the processor seconds of the training.
    """
    config = Config.fromfile(config_file)
    config.merge_from_dict(dict(options or {}))
    config.randomness = dict(seed=seed)
    # Its warnings are about hooks that short runs do without.
    config.log_level = 'ERROR'
    # Runners of one process are told apart by it.
    config.experiment_name = uuid.uuid4().hex
    with tempfile.TemporaryDirectory() as folder:
        config.work_dir = folder
        runner = Runner.from_cfg(config)
        for hook in hooks:
            runner.register_hook(hook)
        if prepare is not None:
            prepare(runner.model)
        began = time.process_time()
        runner.train()
        return runner, time.process_time() - began
