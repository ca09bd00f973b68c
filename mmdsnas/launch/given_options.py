"""What is given beside a config; its options are merged into the config."""

import copy
import difflib
import inspect
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Mapping

from mmengine.config import Config
from mmengine.runner import Runner

from mmdsnas.errors import ConfigError
from mmdsnas.subnets.checkpoint_files import Checkpoints
from mmdsnas.utils.config_values import values_in
from mmdsnas.utils.data_sets import data_sets, loaders
from mmdsnas.utils.words import nearest
from .plain_config import plain_options

# The Runner's arguments, and what is read beside them.
READ = {
    *('activation_checkpointing', 'auto_scale_lr', 'compile', 'own_images'),
    *('efficient_conv_bn_eval', 'find_unused_parameters', 'model_wrapper_cfg'),
    *('runner_type', 'strategy', 'sync_bn'),
    *inspect.signature(Runner.__init__).parameters,
} - {'self', 'cfg'}
# So alike are a name and its misspelling, from 0 to 1.
ALIKE = 0.85


@dataclass(frozen=True)
class Given:
    """What is given beside a config, see ``train``, ``test`` and ``load_config``."""

    options: Mapping[str, Any] = field(default_factory=dict)
    input_size: int | None = None
    num_classes: int | None = None
    local_rank: int = 0
    resume: bool | str | Path = False
    amp: bool = False
    auto_scale_lr: bool = False
    # The checkpoint of a test, and the folder for its pictures.
    tested: dict[str, Any] | None = None
    show_dir: str | Path | None = None
    checkpoints: Checkpoints = field(default_factory=Checkpoints)

    def value(self, name: str) -> Any:
        """What an option, by its dotted name, is given as; None if it is not."""
        found = None
        for option, value in self.options.items():
            if f'{name}.'.startswith(f'{option}.'):
                for part in filter(None, name[len(option) :].split('.')):
                    value = value.get(part) if isinstance(value, dict) else None
                found = found if value is None else value
        return found


def merge_options(config: Config, given: Given) -> Config:
    """Merges options into a config, and names those that nothing reads.

    An option ``data_root`` also reaches the data sets that had the config's.
    """
    for name, near in _unread_options(config).items():
        _warn(f'the config has {name!r}, which nothing reads; is it {near!r}?')
    options = plain_options(given.options)
    read = READ | ({'data_root'} & set(config))
    for name in options:
        first = name.split('.')[0]
        if first not in read and first not in config:
            near = nearest(first, {*config, *read})
            raise ConfigError(
                f'--cfg-options has {name!r}, but the config has no option '
                f'{first!r}{near}.'
            )
        if first not in read:
            _warn(
                f'--cfg-options has {name!r}, which only serves other options of the '
                'config file: what those were made of it stays; set them instead.'
            )
    if 'data_root' in options:
        for loader in loaders(config).values():
            for part in data_sets(loader).values():
                if part.get('data_root', ...) == config.get('data_root'):
                    part['data_root'] = options['data_root']
    merge(config, options)
    return config


def merge(config: Config, options: dict[str, Any]) -> None:
    """Merges plain options into a config, whose places for them must be there."""
    try:
        config.merge_from_dict(options)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        for name, value in options.items():
            if len(options) > 1:
                merge(copy.deepcopy(config), {name: value})
        raise ConfigError(
            f'--cfg-options has {" and ".join(map(repr, options))}, but the config has '
            'no such place: what stands before a dot must be a dict, or a list that '
            'has the number after it.'
        ) from error


def _unread_options(config: Config) -> dict[str, str]:
    """Options that look like misspelt ones, and the nearest that there is.

    A config may have any variable, from which its options are made. So only a name
    that is much like an option's is one, or the end of it (``hooks``), and no value
    that stands in an option.
    """
    found = {}
    for name in set(config) - READ:
        value = config[name]
        near = difflib.get_close_matches(name, sorted(READ), 1, ALIKE)
        if isinstance(value, (dict, list)):
            near += [other for other in sorted(READ) if other.endswith(f'_{name}')]
            parts = value if isinstance(value, list) else [value]
            used = list(values_in([config[k] for k in config if k in READ]))
            if value and all(part in used for part in parts):
                continue
        if near:
            found[name] = near[0]
    return found


def _warn(what: str) -> None:
    # To stderr: print_config.py prints a config.
    print(f'warning: {what}', file=sys.stderr)
