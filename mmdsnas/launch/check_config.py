"""Finds the mistakes of a config, all of them, before anything is built."""

from typing import Any, Dict, List

from mmengine import registry as root
from mmengine.config import Config
from mmengine.registry import DefaultScope

from mmdsnas import registry
from mmdsnas.errors import ConfigError
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.data_sets import LOADERS
from mmdsnas.utils.words import shown, unknown_option
from .batch_augments import check_batch_augments
from .check_search import check_search
from .config_parts import LOADER_OPTIONS, PARTS, Part, Parts
from .runner_options import check_runner_options

# What the Runner builds from an option at the top of a config.
TOP = {
    'model': Part(root.MODELS),
    'data_preprocessor': PARTS['data_preprocessor'],
    'model_wrapper_cfg': Part(root.MODEL_WRAPPERS, 'MMDistributedDataParallel'),
    'train_cfg': Part(root.LOOPS, extra=('by_epoch',)),
    'val_cfg': Part(root.LOOPS, 'ValLoop'),
    'test_cfg': Part(root.LOOPS, 'TestLoop'),
    'visualizer': Part(root.VISUALIZERS),
    'log_processor': Part(root.LOG_PROCESSORS, 'LogProcessor'),
}
EVALUATORS = ('val_evaluator', 'test_evaluator')
METRIC = Part(root.METRICS)
EVALUATOR = Part(root.EVALUATOR, 'Evaluator')
HOOK = Part(root.HOOKS, extra=('priority',))
WRAPPER = Part(
    root.OPTIM_WRAPPERS, 'OptimWrapper', extra=('constructor', 'paramwise_cfg')
)
# In a search the constructor is that of both.
WRAPPER_OF_TWO = WRAPPER._replace(extra=('paramwise_cfg',))
SEARCH = 'SearchOptimWrapperConstructor'


def check_config(config: Config) -> None:
    """Refuses a config with mistakes.

    Names of classes and of their options are looked up, also those of other packages
    and of ``custom_imports``. Values are checked by the constructors.

    Args:
        config (Config): Not changed; nothing in it is built or opened.

    Raises:
        ConfigError: With one sentence for each mistake, which names the option as
            ``--cfg-options`` would.
    """
    # A part of a config has none; from our scope mmengine's names are found too.
    scope = config.get('default_scope') or registry.SCOPE
    if not isinstance(scope, str) or not scope.isidentifier():
        raise ConfigError(
            'default_scope must be the name of a package such as mmdsnas, but is '
            f'{shown(scope)}.'
        )
    with DefaultScope.overwrite_default_scope(scope):
        with root.MODELS.switch_scope_and_registry(None) as scoped:
            if scoped.scope != scope:
                raise ConfigError(
                    'default_scope must be the name of an installed package with '
                    f'registries, but is {scope!r}.'
                )
        found = _problems(config)
    if len(found) == 1:
        raise ConfigError(f'{found[0]}.')
    if found:
        lines = ''.join(f'\n  {i}. {text}.' for i, text in enumerate(found, 1))
        raise ConfigError(f'the config has {len(found)} mistakes:{lines}')


def _problems(config: Config) -> List[str]:
    parts = Parts()
    for name, part in TOP.items():
        value = config.get(name)
        if name == 'train_cfg' and isinstance(value, dict):
            loop = 'EpochBased' if value.get('by_epoch', True) else 'IterBased'
            part = part._replace(default=f'{loop}TrainLoop')
        if value is not None:
            parts.check(name, value, part)
    if 'model' in config:
        parts.is_dict('model', config.model)
    for name in EVALUATORS:
        if config.get(name) is not None:
            _check_evaluator(parts, name, config[name])
    for name in LOADERS:
        if config.get(name) is not None:
            _check_loader(parts, name, config[name])
    _check_hooks(parts, config)
    if config.get('optim_wrapper') is not None:
        _check_wrapper(parts, config.optim_wrapper)
    check_runner_options(parts, config)
    check_batch_augments(parts, config)
    check_search(parts, config)
    return parts.problems


def _check_loader(parts: Parts, name: str, loader: Any) -> None:
    if not parts.is_dict(name, loader):
        return
    for key, value in loader.items():
        if key in PARTS:
            parts.check(f'{name}.{key}', value, PARTS[key])
        elif key not in (*LOADER_OPTIONS, '_scope_'):
            parts.problems.append(unknown_option(name, key, LOADER_OPTIONS))


def _check_hooks(parts: Parts, config: Config) -> None:
    custom = config.get('custom_hooks')
    if custom is not None and not isinstance(custom, (list, tuple)):
        parts.problems.append(f'custom_hooks must be a list, but is {shown(custom)}')
    elif custom:
        for i, hook in enumerate(custom):
            _check_hook(parts, f'custom_hooks.{i}', hook)
    default = config.get('default_hooks')
    if default is not None and parts.is_dict('default_hooks', default):
        for name, hook in default.items():
            if hook is not None:
                parts.check(f'default_hooks.{name}', _known(hook), HOOK)


def _known(hook: Any) -> Any:
    """mmengine's CheckpointHook, which takes any option, as ours of the same ones."""
    if not isinstance(hook, dict) or hook.get('type') != 'CheckpointHook':
        return hook
    return {**hook, 'type': 'mmdsnas.AtomicCheckpointHook'}


def _check_hook(parts: Parts, where: str, hook: Any) -> None:
    if type_name(hook) == 'SelectChildHook':
        # Its data and metrics are given as those of a validation.
        data, evaluator = hook.get('dataloader'), hook.get('evaluator')
        if data is not None:
            _check_loader(parts, f'{where}.dataloader', data)
        if evaluator is not None:
            _check_evaluator(parts, f'{where}.evaluator', evaluator)
        hook = {k: v for k, v in hook.items() if k not in ('dataloader', 'evaluator')}
    parts.check(where, hook, HOOK)


def _check_evaluator(parts: Parts, where: str, evaluator: Any) -> None:
    """It is a metric, a list of them, or an evaluator that has them."""
    whole = isinstance(evaluator, dict) and 'metrics' in evaluator
    parts.check(where, evaluator, EVALUATOR if whole else METRIC, many=True)


def _check_wrapper(parts: Parts, wrapper: Any) -> None:
    if not parts.is_dict('optim_wrapper', wrapper):
        return
    constructor = wrapper.get('constructor', 'DefaultOptimWrapperConstructor')
    cls = parts.find(
        'optim_wrapper.constructor', constructor, root.OPTIM_WRAPPER_CONSTRUCTORS
    )
    name = getattr(cls, '__name__', None)
    if name == SEARCH:
        _check_search_wrapper(parts, wrapper)
    elif name in ('DefaultOptimWrapperConstructor', 'GroupedOptimWrapperConstructor'):
        _check_one_wrapper(parts, 'optim_wrapper', wrapper)


def _check_search_wrapper(parts: Parts, wrapper: Dict[str, Any]) -> None:
    known = ('architecture', 'mutator', 'amp', 'constructor')
    parts.problems += [
        unknown_option('optim_wrapper', key, known)
        for key in wrapper
        if key not in (*known, '_scope_')
    ]
    for key in known[:2]:
        where = f'optim_wrapper.{key}'
        if key not in wrapper:
            parts.problems.append(f'optim_wrapper must have {key}, but has none')
        elif parts.is_dict(where, wrapper[key]):
            _check_one_wrapper(parts, where, wrapper[key], WRAPPER_OF_TWO)


def _check_one_wrapper(
    parts: Parts, where: str, wrapper: Dict[str, Any], part: Part = WRAPPER
) -> None:
    parts.check(where, wrapper, part)
    if 'optimizer' not in wrapper:
        parts.note(f'{where}.optimizer', 'must be set')
