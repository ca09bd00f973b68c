"""What the options of a search must be together."""

import inspect
from typing import Any, Dict

from mmengine.config import Config
from mmengine.registry import HOOKS, MODELS, DefaultScope, Registry

from mmdsnas.engine import SearchStageHook
from mmdsnas.models import DSNAS
from mmdsnas.models.cost import cost_problem
from mmdsnas.options import problems_of, stages_problem
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
    _check_stages(parts, model)
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
            "default_hooks must have search_stage=dict(type='SearchStageHook'), which "
            'tells DSNAS the epoch, but has none'
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


def _check_stages(parts: Parts, model: Dict[str, Any]) -> None:
    stages = {
        name: model[name]
        for name in ('pretrain_epochs', 'finetune_epochs')
        if name in model
    }
    if len(stages) == 2 and not problems_of('DSNAS', stages, '{}'):
        wrong_order = stages_problem(**stages)
        if wrong_order:
            parts.problems.append(f'model: {wrong_order}')
    cost = model.get('cost')
    if isinstance(cost, dict) and not problems_of('DSNAS', dict(cost=cost), '{}'):
        unfit = cost_problem(cost)
        if unfit:
            parts.problems.append(f'model.{unfit}')
