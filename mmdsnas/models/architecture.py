import copy
import inspect
from functools import partial
from typing import Any

from mmengine.model import BaseModel
from mmengine.registry import Registry
from mmrazor.registry.registry import build_razor_model_from_cfg

from mmdsnas.errors import ConfigError, WrongTypeError
from mmdsnas.registry import MODELS
from mmdsnas.utils.words import shown
from .pretrained import keep_head_of_other_classes


def build_architecture(
    config: dict[str, Any], data_preprocessor: dict[str, Any] | None = None
) -> BaseModel:
    """Builds a classifier as mmengine's Runner would build it alone.

    Its head stays as it is made where the weights of ``init_cfg`` have other classes.
    It gets the ``data_preprocessor`` that stands outside of its config, and may make
    more of it: mmcls's takes batch augmentations from its ``train_cfg``.

    Raises:
        ConfigError: The architecture's config has another ``data_preprocessor``.
    """
    model = _build(config, data_preprocessor)
    keep_head_of_other_classes(model)
    return model


def _build(
    config: dict[str, Any], data_preprocessor: dict[str, Any] | None
) -> BaseModel:
    # MMRazor's way, but by our registry, which finds the names of all.
    build = partial(build_razor_model_from_cfg, registry=MODELS)
    if data_preprocessor is None:
        return build(config)
    own = config.get('data_preprocessor')
    if own is not None and own != data_preprocessor:
        raise ConfigError(
            'data_preprocessor must be given once, at the top of the config or in the '
            f'architecture, but they are {shown(data_preprocessor)} and {shown(own)}.'
        )
    # A copy, because mmcls adds to it.
    given = copy.copy(data_preprocessor)
    if _takes(config, 'data_preprocessor'):
        return build({**config, 'data_preprocessor': given})
    model = build(config)
    model.data_preprocessor = MODELS.build({'type': 'BaseDataPreprocessor', **given})
    return model


def _takes(config: dict[str, Any], option: str) -> bool:
    kind = config.get('type')
    with MODELS.switch_scope_and_registry(config.get('_scope_')) as scoped:
        cls = kind if callable(kind) else scoped.get(str(kind))
    # What is not there is told by who builds it.
    if not cls:
        return True
    parameters = inspect.signature(cls).parameters.values()
    return any(p.name == option or p.kind is p.VAR_KEYWORD for p in parameters)


def part_of(
    option: str,
    config: Any,
    registry: Registry,
    base: type,
    default: type | None = None,
) -> Any:
    """A part of an algorithm, which is built if it is not yet; by default a ``base``.

    Raises:
        WrongTypeError: It is something else than a ``base``, or the config of one.
    """
    if config is None or isinstance(config, dict):
        name = f'mmdsnas.{(default or base).__name__}'
        config = registry.build({'type': name, **(config or {})})
    if not isinstance(config, base):
        raise WrongTypeError(
            f'{option} should be a config or a {base.__name__}, but is a '
            f'{type(config).__name__}.'
        )
    return config
