"""One run of a starting config."""

import time
from pathlib import Path
from typing import Any

import torch
from mmengine.registry import init_default_scope

import mmdsnas


def run(
    config: str, options: dict[str, Any], seed: int, work_dir: str, recipe: str
) -> dict:
    """Runs a config as a user does.

    Args:
        config (str): Its name.
        options (dict): Options that replace those of the config.
        seed (int): Seed of the run.
        work_dir (str): Gets what the run leaves.
        recipe (str): What tells this run from those of other configs.

    Returns:
        dict: ``accuracy`` of the last validation in percent, ``mflops`` and ``subnet``
        of the child, processor ``seconds`` of the run, and its ``recipe``.
    """
    torch.set_num_threads(1)
    init_default_scope('mmdsnas')
    begin = time.process_time()
    given = {**options, 'randomness.seed': seed, 'log_level': 'ERROR'}
    found = mmdsnas.search(config, Path(work_dir), **given)
    return dict(
        accuracy=found.accuracy,
        mflops=found.cost['mflops'],
        subnet=found.subnet,
        seconds=time.process_time() - begin,
        recipe=recipe,
    )
