"""Fetches what mmdsnas needs beside torch for a machine without a network.

Into .gpu-check/wheels: of requirements/runtime.txt, and of all that these need, what
is pure Python, and small compiled packages for several Pythons on Linux and x86-64.
That machine must have torch, numpy, scipy, scikit-learn, opencv, matplotlib, pillow.
"""

import argparse
import re
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

from .environment import WHEELS
from .running import ROOT

RUNTIME = ROOT / 'requirements' / 'runtime.txt'
LARGEST = 60 * 2**20
# Compiled, but small, and not everywhere where torch is.
COMPILED = ('pydantic-core', 'pyyaml')
PYTHONS = ('3.11', '3.12', '3.13', '3.14')
PLATFORMS = ('manylinux_2_28_x86_64', 'manylinux_2_17_x86_64', 'manylinux2014_x86_64')


def requirements(file: Path = RUNTIME) -> dict[str, str]:
    """What the lines of a file and all that they need are here, but for torch.

    Args:
        file (Path): A requirement file, of which all is installed.

    Returns:
        dict[str, str]: Versions by name, of what is pure Python or in ``COMPILED``.
    """
    lines = (line.partition('#')[0].strip() for line in file.read_text().splitlines())
    waiting = [Requirement(line) for line in lines if line]
    seen, found = {'torch'}, {}
    while waiting:
        name = re.sub('[-_.]+', '-', waiting.pop().name).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            there = distribution(name)
        except PackageNotFoundError:
            # In its place is another one, such as a full mmcv.
            continue
        for need in map(Requirement, there.requires or ()):
            if need.marker is None or need.marker.evaluate({'extra': ''}):
                waiting.append(need)
        if name in COMPILED or 'none-any' in (there.read_text('WHEEL') or ''):
            found[name] = there.version
    return found


def commands(versions: dict[str, str], folder: Path) -> list[list[str]]:
    """The commands of pip that fetch wheels.

    Args:
        versions (dict[str, str]): By name.
        folder (Path): Where they go.
    """
    pip = [sys.executable, '-m', 'pip', '--disable-pip-version-check', 'download']
    pip += ['--quiet', '--no-deps', '--only-binary=:all:', '--dest', str(folder)]
    given = {name: f'{name}=={version}' for name, version in versions.items()}
    pure = [given[name] for name in given if name not in COMPILED]
    compiled = [given[name] for name in given if name in COMPILED]
    platforms = [f'--platform={name}' for name in PLATFORMS]
    return [
        [*pip, *pure],
        *([*pip, *platforms, f'--python-version={p}', *compiled] for p in PYTHONS),
    ]


def check_size(folder: Path, largest: int = LARGEST) -> str:
    """A sentence on how large the wheels of a folder are.

    Args:
        folder (Path): The folder.
        largest (int): More bytes are refused.

    Raises:
        SystemExit: They are too large to be carried.
    """
    sizes = {file.name: file.stat().st_size for file in folder.glob('*.whl')}
    whole = sum(sizes.values())
    told = f'{len(sizes)} wheels of {whole / 2**20:.1f} MiB in {folder}'
    if whole > largest:
        most = max(sizes, key=sizes.__getitem__)
        sys.exit(
            f'error: {told} must be at most {largest / 2**20:.0f} MiB together; the '
            f'largest one is {most}.'
        )
    return f'{told}.'


def main() -> None:
    parser = argparse.ArgumentParser(
        prog='python -m benchmarks.gpu_check.wheels',
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument('--folder', type=Path, default=WHEELS, help='(%(default)s)')
    folder = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    for file in folder.glob('*.whl'):
        file.unlink()
    for command in commands(requirements(), folder):
        done = subprocess.run(command, stderr=subprocess.PIPE, text=True)
        if done.returncode:
            lines = [line for line in done.stderr.splitlines() if 'ERROR' in line]
            sys.exit(f'error: pip download failed: {"".join(lines[-1:])}')
    print(check_size(folder))


if __name__ == '__main__':
    main()
