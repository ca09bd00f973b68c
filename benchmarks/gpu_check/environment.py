"""An environment on a machine without a network, beside the torch that it has.

Needs nothing but Python and pip.
"""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

from .running import ROOT

FOLDER = ROOT / '.gpu-check'
WHEELS, VENV = FOLDER / 'wheels', FOLDER / 'venv'
# What the package imports first; the wheels have whatever these need.
NEEDED = ('mmengine', 'mmcv', 'mmcls', 'mmrazor', 'pydantic', 'cv2', 'sklearn', 'scipy')
# mmengine needs its pkg_resources.
RANGES = {'setuptools': 'setuptools<82'}
# A variable that says that the environment was made.
READY = 'GPU_CHECK_READY'


def missing() -> list[str]:
    """What this Python cannot import."""
    return [name for name in NEEDED if find_spec(name) is None]


def names(wheels: Path) -> list[str]:
    """Distributions of a folder of wheels, as pip is asked for them."""
    found = {file.name.partition('-')[0] for file in wheels.glob('*.whl')}
    canonical = {re.sub('[-_.]+', '-', name).lower() for name in found}
    return [RANGES.get(name, name) for name in sorted(canonical)]


def seen() -> list[str]:
    """The folders of packages that this Python has."""
    folders = {'site-packages', 'dist-packages'}
    return [path for path in sys.path if folders & set(Path(path).parts)]


def make(venv: Path = VENV, wheels: Path = WHEELS) -> Path:
    """Makes an environment that sees what this Python has, and installs wheels.

    What is there already is not installed again, but where it is too new.

    Args:
        venv (Path): Folder of the environment; what is there is made anew.
        wheels (Path): Folder of the wheels.

    Returns:
        Path: Its Python.
    """
    wanted = names(wheels)
    if not wanted:
        sys.exit(
            f'error: this Python has no {", ".join(missing())}, and there are no '
            f'wheels in {wheels}: run `make gpu-check-wheels` where there is a network.'
        )
    # pip is this Python's own, so that ensurepip need not be there.
    run(sys.executable, '-m', 'venv', '--without-pip', '--clear', str(venv))
    python = venv / 'bin' / 'python'
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    site = subprocess.check_output([str(python), '-c', code], text=True).strip()
    # --system-site-packages would show those of the Python that this one is made of,
    # where this one is of an environment itself.
    (Path(site) / 'parent.pth').write_text('\n'.join(seen()) + '\n')
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check']
    install = ['install', '--quiet', '--no-index', '--no-deps', '--no-cache-dir']
    run(*pip, '--python', str(python), *install, '--find-links', str(wheels), *wanted)
    return python


def run(*command: str) -> None:
    """Runs a command; one that fails ends the check in one sentence."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ['']
        sys.exit(f'error: {" ".join(command[:4])} ... failed: {last[0]}')


def become_ready(arguments: list[str]) -> None:
    """Goes on in an environment that has all, if this Python does not.

    Args:
        arguments (list[str]): Of the command.
    """
    if not missing():
        return
    if find_spec('torch') is None:
        sys.exit(
            f'error: {sys.executable} must have torch, but has not: name another '
            'Python by PYTHON=...'
        )
    if READY in os.environ:
        sys.exit(
            f'error: {", ".join(missing())} must be on this machine, or in {WHEELS}.'
        )
    python = str(make())
    command = [python, '-m', 'benchmarks.gpu_check', *arguments]
    os.chdir(ROOT)
    os.execve(python, command, {**os.environ, READY: '1'})
