"""Finds configs and subnet files of mmdsnas, installed or in the source tree."""

import difflib
import os.path
from pathlib import Path
from typing import List, Union

from ..errors import ConfigError, SubnetError

_PACKAGE = Path(__file__).resolve().parents[1]


def config_root() -> Path:
    """The folder of the configs.

    Returns:
        Path: ``mmdsnas/.mim/configs`` where a wheel was installed, else the
        ``configs`` next to the package.
    """
    installed = _PACKAGE / '.mim' / 'configs'
    return installed if installed.is_dir() else _PACKAGE.parent / 'configs'


def find_config(name: Union[str, Path]) -> Path:
    """Finds a config from its path or its name.

    Args:
        name (str or Path): An existing file, or the name of a config of
            mmdsnas, with or without ``.py`` and leading folders.

    Returns:
        Path: The absolute path of the config.

    Raises:
        ConfigError: There is no such config, or more than one.

    Example:
        >>> find_config('dsnas_supernet_1xb64_digits').name
        'dsnas_supernet_1xb64_digits.py'
    """
    # Not by pathlib, which fails on names that cannot be those of a file.
    path = Path(os.path.expanduser(name))
    if os.path.isfile(path):
        return path.absolute()

    root = config_root()
    known = sorted(root.rglob('*.py'))
    found = _called(name, known)
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(
            f'the config "{name}" is ambiguous, it could be one of: '
            f'{", ".join(str(config.relative_to(root)) for config in found)}'
        )
    nearest = difflib.get_close_matches(
        path.name.removesuffix('.py'), {config.stem for config in known}, cutoff=0
    )
    raise ConfigError(
        f'"{name}" is neither a file nor a config below {root}; the nearest '
        f'names there are: {", ".join(nearest) or "none"}'
    )


def find_subnet(name: Union[str, Path]) -> Path:
    """Finds a subnet file from its path or its name.

    Args:
        name (str or Path): An existing file, or the name of a subnet file of
            mmdsnas, with or without ``.yaml`` and leading folders.

    Returns:
        Path: Its path.

    Raises:
        SubnetError: There is no such file.
    """
    path = Path(os.path.expanduser(name))
    if os.path.isfile(path):
        return path
    known = sorted(config_root().rglob('subnets/*.yaml'))
    found = _called(name, known)
    if found:
        return found[0]
    raise SubnetError(
        f'subnet file {name} does not exist; mmdsnas itself has '
        f'{", ".join(file.stem for file in known)}.'
    )


def _called(name: Union[str, Path], known: List[Path]) -> List[Path]:
    """The files whose last folders and name are those given."""
    suffix = known[0].suffix if known else ''
    wanted = Path(str(name).removesuffix(suffix) + suffix).parts
    root = config_root()
    # ``configs/dsnas/x.py`` is found as well, from whatever directory.
    return [
        file
        for file in known
        if (root.name, *file.relative_to(root).parts)[-len(wanted) :] == wanted
    ]
