"""Commands in processes that have imported the package already.

A process that begins with nothing imports torch and OpenMMLab for some seconds.
"""

import multiprocessing
import os
import random
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch

ROOT = Path(__file__).resolve().parents[1]
# It imports these, and nothing of a test, and each command is a fork of it.
CONTEXT = multiprocessing.get_context('forkserver')
CONTEXT.set_forkserver_preload(
    [f'mmdsnas.{n}' for n in ('launch.runs', 'deployment', 'command_line.command')]
)


def run_tool(
    tool: str, *args, cwd: Path, folder: Path, env: dict[str, str] | None = None
) -> subprocess.CompletedProcess:
    """Runs a tool, by its path below ``tools/``, as ``subprocess.run`` would.

    What it prints goes through files in ``folder``.
    """
    command = [str(ROOT / 'tools' / tool), *map(str, args)]
    files = [folder / name for name in ('stdout', 'stderr')]
    variables = {**os.environ, 'PYTHONPATH': str(ROOT), **(env or {})}
    process = CONTEXT.Process(target=_run, args=(command, cwd, files, variables))
    process.start()
    process.join()
    printed = [file.read_text() for file in files]
    return subprocess.CompletedProcess(command, process.exitcode, *printed)


def _run(command, cwd, files, variables) -> None:
    for number, file in enumerate(files, 1):
        os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
    os.chdir(cwd)
    os.environ.clear()
    os.environ.update(variables)
    # All forks begin with the same states.
    random.seed()
    np.random.seed()
    torch.seed()
    sys.argv = command
    runpy.run_path(command[0], run_name='__main__')
