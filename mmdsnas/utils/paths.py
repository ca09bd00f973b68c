"""Finds the configs of mmdsnas, installed or in the source tree."""

import difflib
from pathlib import Path
from typing import Union

from ..errors import ConfigError

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
    path = Path(name).expanduser()
    if path.is_file():
        return path.absolute()

    root = config_root()
    wanted = Path(str(path).removesuffix('.py') + '.py')
    known = sorted(root.rglob('*.py'))
    # ``configs/dsnas/x.py`` is found as well, from whatever directory.
    found = [
        config
        for config in known
        if (root.name, *config.relative_to(root).parts)[-len(wanted.parts) :]
        == wanted.parts
    ]
    if len(found) == 1:
        return found[0]
    if found:
        raise ConfigError(
            f'the config "{name}" is ambiguous, it could be one of: '
            f'{", ".join(str(config.relative_to(root)) for config in found)}'
        )
    nearest = difflib.get_close_matches(
        wanted.stem, {config.stem for config in known}, cutoff=0
    )
    raise ConfigError(
        f'"{name}" is neither a file nor a config below {root}; the nearest '
        f'names there are: {", ".join(nearest) or "none"}'
    )
