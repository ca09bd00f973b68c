"""Options at the top of a config that nothing reads."""

import difflib
import inspect
from typing import Any, Dict

from mmengine.config import Config
from mmengine.runner import Runner

from mmdsnas.utils.config_values import values_in

# What is read beside the Runner's arguments.
ALSO_READ = (
    'activation_checkpointing',
    'auto_scale_lr',
    'compile',
    'efficient_conv_bn_eval',
    'find_unused_parameters',
    'model_wrapper_cfg',
    'own_images',
    'runner_type',
    'strategy',
    'sync_bn',
)
READ = {*inspect.signature(Runner.__init__).parameters, *ALSO_READ} - {'self', 'cfg'}
# So alike are a name and its misspelling, from 0 to 1.
ALIKE = 0.85


def unread_options(config: Config) -> Dict[str, str]:
    """Options that look like misspelt ones, and the nearest that there is.

    A config may have any variable, from which its options are made. So only a name
    that is much like an option's is one, or the end of it (``hooks``), and no value
    that stands in an option.

    Returns:
        dict[str, str]: The nearest option by name.
    """
    read = {name: config[name] for name in config if name in READ}
    found = {}
    for name in set(config) - READ:
        value = config[name]
        near = difflib.get_close_matches(name, sorted(READ), 1, ALIKE)
        holds_parts = isinstance(value, (dict, list))
        if holds_parts:
            near += [other for other in sorted(READ) if other.endswith(f'_{name}')]
        if near and not (holds_parts and value and _used(value, read)):
            found[name] = near[0]
    return found


def _used(value: Any, read: Dict[str, Any]) -> bool:
    parts = list(values_in(read))
    if isinstance(value, list):
        return all(part in parts for part in value)
    return value in parts
