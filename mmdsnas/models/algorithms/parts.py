from typing import Any, Optional

from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.registry import Registry

from mmdsnas.errors import WrongTypeError
from mmdsnas.registry import OPTIM_WRAPPERS


def part_of(
    option: str,
    config: Any,
    registry: Registry,
    base: type,
    default: Optional[type] = None,
) -> Any:
    """A part of an algorithm, which is built if it is not yet.

    Args:
        option (str): The argument that it is.
        config (Any): The part, its config, or None.
        registry (Registry): Where its type is looked up.
        base (type): What it must be.
        default (type, optional): Its type where the config gives none; ``base`` by
            default.

    Raises:
        WrongTypeError: It is something else.
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


def stepped_together(optim_wrapper: OptimWrapper, adaptive: bool) -> OptimWrapper:
    """An optimizer wrapper for one backward pass of weights and ``alpha``.

    mmengine's ``OptimWrapperDict`` has no method for it: its optimizers are stepped
    together here. A single one is too if the limit is adaptive, whose part of the
    gradient is added between backward pass and step.

    Args:
        optim_wrapper (OptimWrapper): Of weights and ``alpha``.
        adaptive (bool): Whether the limit is.
    """
    if type(optim_wrapper) is OptimWrapperDict:
        parts = dict(optim_wrapper.items())
    elif adaptive and not isinstance(optim_wrapper, OptimWrapperDict):
        parts = dict(architecture=optim_wrapper)
    else:
        return optim_wrapper
    return OPTIM_WRAPPERS.get('SearchOptimWrapperDict')(**parts)
