"""A folder in which the examples of a document are executed."""

import json
import os
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Callable, Sequence

import torch

from tests.jpegs import annotated, plain_folders
from tests.test_reference.filling import CASES, official_weights
from .small import COMMANDS

ROOT = Path(__file__).resolve().parents[2]
SMALL = Path(__file__).with_name('small.py')
NOT_COPIED = ('.git', '.venv', '*.egg-info', '__pycache__', '.*_cache', '_build')
OF_A_RUN = ('data', 'work_dirs', 'build', 'dist')
SECONDS = 600
# With them a make of a block would take variables of the make that runs this.
OF_MAKE = ('MAKEFLAGS', 'MFLAGS', 'MAKEOVERRIDES', 'MAKELEVEL', 'VENV')


def make_scratch(folder: Path) -> None:
    """Makes a copy of the checkout, with small data and small commands.

    Args:
        folder (Path): Does not exist yet.
    """

    def left_out(where: str, names: Sequence[str]) -> set:
        ignored = shutil.ignore_patterns(*NOT_COPIED)(where, names)
        return ignored | (set(OF_A_RUN) & set(names) if Path(where) == ROOT else set())

    shutil.copytree(ROOT, folder, ignore=left_out)
    annotated(folder / 'data' / 'imagenet', train=8, val=8)
    plain_folders(folder / 'data' / 'images', train=8, val=4)
    plain_folders(folder / 'path' / 'to' / 'images', train=8, val=4)
    environment = folder / '.venv' / 'bin'
    environment.mkdir(parents=True)
    # What its commands are stands in the PATH already.
    (environment / 'activate').touch()
    for name in COMMANDS:
        command = environment / name
        words = shlex.join([sys.executable, str(SMALL), name])
        command.write_text(f'#!/bin/sh\nexec {words} "$@"\n')
        command.chmod(0o755)
    for requirement in ('runtime', 'tests', 'docs'):
        (environment.parent / f'.mmdsnas-{requirement}').touch()


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


# What blocks need that no block before them makes.
Fixture = Callable[[Path], None]


def shell(text: str) -> Fixture:
    """What these commands make."""

    def fixture(folder: Path) -> None:
        wrong = run_shell(text, folder)
        if wrong:
            raise RuntimeError(wrong)

    return fixture


def interrupted_search(folder: Path) -> None:
    """Searches whose last epoch is missing, for ``--resume``."""
    shell('python tools/train.py dsnas_supernet_1xb64_digits')(folder)
    default = folder / 'work_dirs' / 'dsnas_supernet_1xb64_digits'
    (default / 'epoch_3.pth').unlink()
    (default / 'last_checkpoint').write_text(str(default / 'epoch_2.pth'))
    shutil.copytree(default, folder / 'work_dirs' / 'mine')


def official_files(folder: Path) -> None:
    """A supernet and a child with the authors' names, and weights of a rule."""
    weights = official_weights(CASES[0]['salt'])
    path = CASES[0]['path']
    kept = tuple(f'features.{i}.{k}.' for i, k in enumerate(path))
    child = {
        name: value
        for name, value in weights.items()
        if name.startswith(kept) or not name.startswith('features.')
    }
    torch.save(child, folder / 'official.pth')
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.25)
    whole = dict(epoch=80, state_dict=weights, optimizer=optimizer.state_dict())
    torch.save(whole, folder / 'model.pth-80')


def benchmark_of_few_images(folder: Path) -> None:
    """The results of the benchmark but one training and one search of each method."""
    configs = folder / 'benchmarks' / 'quality' / 'configs'
    for config in configs.rglob('*.py'):
        text = config.read_text()
        for number in ('6000', '10000'):
            text = text.replace(f'num_samples={number}', 'num_samples=200')
        config.write_text(text)
    results = folder / 'benchmarks' / 'results'
    truth = json.loads((results / 'truth.json').read_text())['children']
    for row in truth[1:]:
        for seed in (0, 1):
            keys = ('accuracy', 'cpu_seconds')
            result = {key: row[key][seed] for key in keys}
            _write(folder / 'work_dirs/truth', [*row['child'], seed], result)
    quality = json.loads((results / 'quality.json').read_text())
    done = set()
    for row in quality['searches']:
        key = [row.pop(name) for name in ('method', 'limit', 'variant', 'seed')]
        if key[0] in ('dsnas', 'spos') and key[0] not in done:
            done.add(key[0])
            continue
        key[1] = 'none' if key[1] is None else key[1]
        _write(folder / 'work_dirs/quality', key, row)
    for seed, seconds in enumerate(quality['unit_cpu_seconds']):
        result = dict(accuracy=0.0, cpu_seconds=seconds)
        _write(folder / 'work_dirs/quality', ['unit', seed], result)


def _write(folder: Path, name: list, result: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f'{"-".join(map(str, name))}.json').write_text(json.dumps(result))
