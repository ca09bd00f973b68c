"""What ``pip install`` of the documentation would find; nothing is installed.

Every requirement that is named must be installed already, in a version that it takes.
"""

import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, PathDistribution, version
from pathlib import Path
from typing import Iterator, Sequence

from packaging.requirements import Requirement


def check(args: Sequence[str]) -> list[str]:
    """What is wrong with the arguments of ``pip install``.

    Args:
        args (Sequence[str]): Requirements, ``-r FILE``, and the checkout, ``.``, with
            or without extras and ``--editable``.

    Returns:
        list[str]: A sentence each.
    """
    named = list(requirements(args, '--no-deps' not in args))
    return [wrong for each in named if (wrong := missing(Requirement(each)))]


def requirements(args: Sequence[str], with_needs: bool = True) -> Iterator[str]:
    """What the arguments ask for, with the lines of files.

    Args:
        args (Sequence[str]): See :func:`check`.
        with_needs (bool): Whether what the checkout needs is among them.
    """
    words = iter(args)
    for word in words:
        if word in ('-r', '--requirement'):
            yield from of_file(Path(next(words)))
        elif word.startswith('.'):
            needs = of_checkout(word.strip('.[]').split(','))
            yield from needs if with_needs else ()
        elif not word.startswith('-'):
            yield word


def of_file(file: Path) -> Iterator[str]:
    for line in file.read_text().splitlines():
        line = line.partition('#')[0].strip()
        if line.startswith('-r '):
            yield from of_file(file.parent / line[3:])
        elif line:
            yield line


def of_checkout(extras: Sequence[str]) -> list[str]:
    """What the checkout in this folder needs, with these extras.

    Args:
        extras (Sequence[str]): Empty names are none.

    Raises:
        ValueError: It has no such extra.
    """
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, 'setup.py', '-q', 'egg_info', '--egg-base', folder]
        subprocess.run(command, check=True)
        about = PathDistribution(next(Path(folder).glob('*.egg-info')))
        known = about.metadata.get_all('Provides-Extra') or []
        needs = [Requirement(each) for each in about.requires or []]
    wrong = set(filter(None, extras)) - set(known)
    if wrong:
        raise ValueError(f'setup.py has no extra {", ".join(sorted(wrong))}')
    return [
        f'{each.name}{each.specifier}'
        for each in needs
        if each.marker is None
        or any(each.marker.evaluate(dict(extra=extra)) for extra in extras)
    ]


def missing(requirement: Requirement) -> str:
    """What is wrong with a requirement; empty if it is met."""
    try:
        found = version(requirement.name)
    except PackageNotFoundError:
        return f'{requirement} is not installed.'
    if not requirement.specifier.contains(found, prereleases=True):
        return f'{requirement} is asked for, but {found} is installed.'
    return ''


if __name__ == '__main__':
    sys.exit('\n'.join(check(sys.argv[1:])) or 0)
