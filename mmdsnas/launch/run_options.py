"""What a config may have at its top, where nobody who is built from it looks."""

from typing import Annotated, Any, Literal

from mmengine.config import Config
from pydantic import Field
from typing_extensions import NotRequired, TypedDict

from mmdsnas.errors import ConfigError
from mmdsnas.utils.config_values import type_name
from mmdsnas.utils.options import (
    Count,
    Fraction,
    Natural,
    NonNegative,
    Positive,
    checked_options,
)
from mmdsnas.utils.words import unknown_option
from .given_options import Given
from .pretrained import PRETRAINED

# What mmengine needs all of, or none.
TOGETHER = (
    ('train_dataloader', 'train_cfg', 'optim_wrapper'),
    ('val_dataloader', 'val_cfg', 'val_evaluator'),
    ('test_dataloader', 'test_cfg', 'test_evaluator'),
)
# The optimizers of a search.
OPTIMIZERS = ('architecture', 'mutator')
# What mmengine's Runner has where default_hooks does not say None.
RUNNER_HOOKS = (
    *('runtime_info', 'timer', 'sampler_seed', 'logger', 'param_scheduler'),
    'checkpoint',
)
LEVELS = Literal['CRITICAL', 'ERROR', 'WARNING', 'INFO', 'DEBUG', 'NOTSET']


# What is read, or divided by, before anything is built; others check the rest.
class Loader(TypedDict, total=False):
    dataset: dict[str, Any]
    batch_size: Count
    num_workers: Natural


class TrainLoop(TypedDict, total=False):
    max_epochs: Natural
    val_interval: Count
    val_begin: Natural


class Group(TypedDict, total=False):
    timeout: Positive


class Planned(TypedDict):
    input_size: Count
    tuned: Count
    epochs: Count
    children: NotRequired[list[Any] | None]
    expected: NonNegative


class Environment(TypedDict, total=False):
    dist_cfg: Group


@checked_options
def config(
    model: dict[str, Any] | None = None,
    train_dataloader: Loader | None = None,
    val_dataloader: Loader | None = None,
    test_dataloader: Loader | None = None,
    train_cfg: TrainLoop | None = None,
    optim_wrapper: dict[str, Any] | None = None,
    param_scheduler: dict[str, Any] | list[dict[str, Any]] | None = None,
    default_hooks: dict[str, Any] | None = None,
    custom_hooks: list[Any] | None = None,
    default_scope: str | None = None,
    model_wrapper_cfg: dict[str, Any] | None = None,
    auto_scale_lr: dict[str, Any] | None = None,
    compile: bool | dict[str, Any] | None = None,
    log_level: int | LEVELS = 'INFO',
    env_cfg: Environment | None = None,
    own_images: dict[str, Any] | None = None,
    # An option of FlexibleRunner, which runs no search.
    strategy: None = None,
    **others: Any,
) -> None:
    """The kinds of values at the top of a config."""


@checked_options
def own_images(
    input_size: Annotated[int | None, Field(ge=32, le=1024)] = None,
    # Short of time, a plan has two.
    epochs: Annotated[int | None, Field(ge=2)] = None,
    batch_size: Annotated[int | None, Field(ge=2)] = None,
    val_ratio: Fraction | None = None,
    pretrained: Literal[*PRETRAINED] | None = None,
    minutes: Annotated[float | None, Field(ge=1)] = None,
    compare: bool = False,
    deploy: Literal['float32', 'int8'] = 'float32',
    otherwise: str | None = None,
    # What a config has after a run.
    found: dict[str, Any] | None = None,
    num_images: Count | None = None,
    given: list[str] | None = None,
    tuned: Count | None = None,
    planned: Planned | None = None,
    children: list[Any] | None = None,
    fitted: bool = False,
) -> None:
    """What ``own_images`` may be, see ``fit_to_images``."""


def is_search(config: Config) -> bool:
    """Whether a config is that of a search, with an optimizer for alpha."""
    wrapper = config.get('optim_wrapper')
    return isinstance(wrapper, dict) and 'mutator' in wrapper


def check_options(checked: Config, _: Given) -> Config:
    """Refuses what would be ignored, or show late; the rest shows when it is built."""
    options = checked.to_dict()
    config(**options)
    own_images(**(options.get('own_images') or {}))
    # Without a loop it is no config of a run, but one that a child is built from.
    runs = any(loop in options for _, loop, _ in TOGETHER)
    if runs and options.get('model') is None:
        raise ConfigError('model must be a dict in the config of a run, but is None.')
    for group in TOGETHER if runs else ():
        missing = [name for name in group if options.get(name) is None]
        if 0 < len(missing) < len(group):
            raise ConfigError(
                f'{" and ".join(missing)} must be set where there is '
                f'{", ".join(name for name in group if name not in missing)}.'
            )
    searches, scheduler = is_search(checked), options.get('param_scheduler')
    if isinstance(scheduler, dict) and 'type' not in scheduler:
        known = OPTIMIZERS if searches else ('type',)
        for name in (n for n in scheduler if n not in known):
            raise ConfigError(f'{unknown_option("param_scheduler", name, known)}.')
    own, wrapper = map(options.get, ('find_unused_parameters', 'model_wrapper_cfg'))
    if None not in (own, wrapper) and own != wrapper.get('find_unused_parameters'):
        raise ConfigError(
            'find_unused_parameters must be set in model_wrapper_cfg, which alone is '
            'read where there is one.'
        )
    if searches and options.get('efficient_conv_bn_eval'):
        raise ConfigError(
            'efficient_conv_bn_eval must be None in a search, whose paths are other '
            'networks than it traces.'
        )
    return checked


def schedules_of_weights(config: Config) -> list[dict[str, Any]]:
    """The schedules of the weights' optimizer, in whichever form they are given.

    As in mmengine, ``param_scheduler`` is None, one schedule or a list of them, which
    every optimizer gets, or in a search a dict of these by optimizer.
    """
    given = config.get('param_scheduler')
    if isinstance(given, dict) and 'type' not in given:
        given = given.get(OPTIMIZERS[0])
    return [given] if isinstance(given, dict) else list(given or ())


def fill_for_mmengine(config: Config, _: Given) -> Config:
    """Gives an optimizer without a schedule an empty list, and drops hooks of None.

    mmengine can do without its own hooks alone.
    """
    given, hooks = config.get('param_scheduler'), config.get('default_hooks') or {}
    if isinstance(given, dict) and 'type' not in given:
        for name in OPTIMIZERS:
            given[name] = [] if given.get(name) is None else given[name]
    for name in [n for n in hooks if hooks[n] is None and n not in RUNNER_HOOKS]:
        del hooks[name]
    return config


def fit_mixed_labels(config: Config, _: Given) -> Config:
    """Tells a preprocessor that mixes labels how many classes the head has.

    Raises:
        ConfigError: Two parts would mix them, or the head cannot score what is mixed;
            mmcls says nothing of it, or says it late.
    """
    model = config.get('model') or {}
    name = 'architecture' if 'architecture' in model else 'cfg'
    network = model.get(name)
    if not isinstance(network, dict):
        return config
    # In the order in which one of them counts.
    owners = {f'model.{name}.': network, 'model.': model, '': config}
    found = {k: part.get('data_preprocessor') for k, part in owners.items()}
    found = {k: part for k, part in found.items() if isinstance(part, dict)}
    owner, preprocessor = next(iter(found.items()), ('', {}))
    places = []
    # Another one may mean something else by it.
    if type_name(preprocessor) in ('', 'ClsDataPreprocessor'):
        if preprocessor.get('batch_augments') is not None:
            places.append(f'{owner}data_preprocessor.batch_augments')
    if 'augments' in (network.get('train_cfg') or {}):
        places.append(f'model.{name}.train_cfg')
    if not places:
        return config
    if len(places) > 1:
        raise ConfigError(
            f'batch augments must be given once, but are in {" and ".join(places)}.'
        )
    head = network.get('head') or {}
    if head.get('cal_acc'):
        raise ConfigError(
            f'model.{name}.head.cal_acc must be False where {places[0]} mixes labels, '
            'but is True.'
        )
    if not found:
        network['data_preprocessor'] = {}
        # A config keeps a copy of what it is given.
        preprocessor = network['data_preprocessor']
    if preprocessor.get('num_classes') is None:
        preprocessor['num_classes'] = head.get('num_classes')
    return config
