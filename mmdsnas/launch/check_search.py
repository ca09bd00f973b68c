"""What the options of a search must be together."""

import inspect
from typing import Any

from mmengine.config import Config
from mmengine.registry import HOOKS, MODELS, DefaultScope, Registry

from mmdsnas.engine import SearchStageHook
from mmdsnas.models import DSNAS
from .config_parts import Parts


def check_search(parts: Parts, config: Config) -> None:
    """Notes what does not fit together in the config of a search.

    Args:
        parts (Parts): Where it is noted.
        config (Config): Nothing in it is built.
    """
    model = config.get('model')
    if not isinstance(model, dict):
        return
    hooks, default = config.get('custom_hooks') or [], config.get('default_hooks')
    if config.get('train_cfg') is None or not isinstance(hooks, (list, tuple)):
        return
    if isinstance(default, dict):
        hooks = [*hooks, *default.values()]
    if _names(parts, model, MODELS, DSNAS) and not any(
        isinstance(hook, SearchStageHook) or _names(parts, hook, HOOKS, SearchStageHook)
        for hook in hooks
    ):
        parts.problems.append(
            "custom_hooks must have dict(type='mmdsnas.SearchStageHook'), which tells "
            'DSNAS the epoch, but has none'
        )


def _names(parts: Parts, value: Any, found_in: Registry, base: type) -> bool:
    """Whether a config is that of a class or of its subclass."""
    if not isinstance(value, dict):
        return False
    scope = value.get('_scope_')
    # One that is none was noted.
    with DefaultScope.overwrite_default_scope(
        scope if isinstance(scope, str) else None
    ):
        cls = parts.find('', value.get('type'), found_in, quiet=True)
    return inspect.isclass(cls) and issubclass(cls, base)
