from typing import Any, Optional

from mmengine.registry import Registry

from mmdsnas.errors import WrongTypeError


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
        default (type, optional): Its type where the config gives none, if not ``base``.

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
