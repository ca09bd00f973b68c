"""Finds configs and subnet files of mmdsnas, installed or in the source tree."""

import difflib
import os.path
from pathlib import Path

from ..errors import ConfigError, SubnetError

_PACKAGE = Path(__file__).resolve().parents[1]


def config_root() -> Path:
    """The configs: ``mmdsnas/.mim/configs`` of a wheel, else those by the package."""
    installed = _PACKAGE / '.mim' / 'configs'
    return installed if installed.is_dir() else _PACKAGE.parent / 'configs'


def find_config(name: str | Path) -> Path:
    """Finds a config from its path or its name.

    Args:
        name (str | Path): An existing file, or the name of a config of
            mmdsnas, with or without ``.py`` and leading folders.

    Returns:
        Path: The absolute path of the config.

    Raises:
        ConfigError: There is no such config, or more than one.

    Example:
        >>> find_config('dsnas_supernet_1xb64_digits').name
        'dsnas_supernet_1xb64_digits.py'
    """
    found, known = _find(name, '*.py')
    if len(found) == 1:
        return found[0].absolute()
    root = config_root()
    if found:
        raise ConfigError(
            f'the config "{name}" is ambiguous, it could be one of: '
            f'{", ".join(str(config.relative_to(root)) for config in found)}'
        )
    nearest = difflib.get_close_matches(
        Path(name).name.removesuffix('.py'), {file.stem for file in known}, cutoff=0
    )
    raise ConfigError(
        f'"{name}" is neither a file nor a config below {root}; the nearest '
        f'names there are: {", ".join(nearest) or "none"}'
    )


def find_subnet(name: str | Path) -> Path:
    """Finds a subnet file from its path or its name, as :func:`find_config` does.

    Raises:
        SubnetError: There is no such file.
    """
    found, known = _find(name, 'subnets/*.yaml')
    if found:
        return found[0]
    raise SubnetError(
        f'subnet file {name} does not exist; mmdsnas itself has '
        f'{", ".join(file.stem for file in known)}.'
    )


def _find(name: str | Path, pattern: str) -> tuple[list[Path], list[Path]]:
    """The file of that path, or those of mmdsnas with these last folders; and all."""
    # Not by pathlib, which fails on names that cannot be those of a file.
    if os.path.isfile(path := os.path.expanduser(name)):
        return [Path(path)], []
    root = config_root()
    known = sorted(root.rglob(pattern))
    suffix = Path(pattern).suffix
    wanted = Path(str(name).removesuffix(suffix) + suffix).parts
    # ``configs/dsnas/x.py`` is found as well, from whatever directory.
    parts = {file: (root.name, *file.relative_to(root).parts) for file in known}
    return [file for file in known if parts[file][-len(wanted) :] == wanted], known
