"""A folder in which the examples of a document are executed."""

import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Sequence

from .small import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SMALL = (
    f'import sys; sys.path.insert(0, {str(ROOT)!r}); '
    'from docs.examples.small import main; main()'
)
NOT_COPIED = (
    '.git',
    '.gpu-check',
    '.venv',
    '*.egg-info',
    '__pycache__',
    '.*_cache',
    '_build',
)
OF_A_RUN = ('data', 'work_dirs', 'build', 'dist')
SECONDS = 600
# With them a make of a block would take variables of the make that runs this.
OF_MAKE = ('MAKEFLAGS', 'MFLAGS', 'MAKEOVERRIDES', 'MAKELEVEL', 'VENV')


def make_scratch(folder: Path) -> None:
    """Makes a copy of the checkout, with small commands.

    Args:
        folder (Path): Does not exist yet.
    """

    def left_out(where: str, names: Sequence[str]) -> set:
        ignored = shutil.ignore_patterns(*NOT_COPIED)(where, names)
        return ignored | (set(OF_A_RUN) & set(names) if Path(where) == ROOT else set())

    shutil.copytree(ROOT, folder, ignore=left_out)
    # What .gitignore names is left alone by linters in a repository only.
    subprocess.run(['git', 'init', '-q'], cwd=folder, check=True)
    small_commands(folder)


def small_commands(folder: Path) -> None:
    """Makes an environment whose commands are those of ``small.py``.

    Args:
        folder (Path): In which it is made.
    """
    environment = folder / '.venv' / 'bin'
    environment.mkdir(parents=True)
    # What its commands are stands in the PATH already.
    (environment / 'activate').touch()
    for name in COMMANDS:
        command = environment / name
        words = shlex.join([sys.executable, '-c', SMALL, name])
        command.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        command.chmod(0o755)


def run_shell(text: str, folder: Path) -> str:
    """Executes a block of shell commands.

    Args:
        text (str): The block.
        folder (Path): From :func:`make_scratch`.

    Returns:
        str: What is wrong, with the output; empty if nothing is.
    """
    paths = [str(folder / '.venv' / 'bin'), os.environ['PATH']]
    environ = {
        **{k: v for k, v in os.environ.items() if k not in OF_MAKE},
        'PATH': os.pathsep.join(paths),
        'PYTHONPATH': '',
        'DOCS_TEST_ROOT': str(folder),
        'OMP_NUM_THREADS': '1',
        'PYTHONWARNINGS': 'ignore',
    }
    try:
        done = subprocess.run(
            ['bash', '-euo', 'pipefail', '-c', text],
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors='replace',
            timeout=SECONDS,
        )
    except subprocess.TimeoutExpired as error:
        output = (error.stdout or b'').decode(errors='replace')
        return f'{text}\nran for more than {SECONDS} s:\n{output[-6000:]}'
    if done.returncode == 0:
        return ''
    return f'{text}\nended with {done.returncode}:\n{done.stdout[-6000:]}'
