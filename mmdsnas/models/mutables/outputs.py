from typing import Any, Callable, List

import torch
from torch import Tensor

from mmdsnas.errors import ConfigError

# Beside tensors, what an output may have that a gate leaves alone.
PLAIN = (type(None), bool, int, float, complex, str, torch.dtype, torch.device)


def map_tensors(function: Callable[..., Any], *outputs: Any) -> Any:
    """Applies a function to every tensor of an operation's output.

    Args:
        function (callable): Takes one tensor of each of ``outputs``.
        *outputs (Any): Of one structure: a tensor, or a list, tuple or dict with
            such; other values stay as they are in the first.

    Returns:
        Any: The same structure with what the function returned.
    """
    first = outputs[0]
    if isinstance(first, Tensor):
        return function(*outputs)
    if isinstance(first, dict):
        return {key: map_tensors(function, *(y[key] for y in outputs)) for key in first}
    if isinstance(first, (list, tuple)):
        parts = [map_tensors(function, *each) for each in zip(*outputs, strict=True)]
        return type(first)(*parts) if hasattr(first, '_fields') else type(first)(parts)
    return first


def leaves_of(output: Any) -> List[Any]:
    """What lists, tuples and dicts hold, however nested."""
    if isinstance(output, dict):
        output = list(output.values())
    if not isinstance(output, (list, tuple)):
        return [output]
    return [leaf for part in output for leaf in leaves_of(part)]


def tensors_of(output: Any) -> List[Tensor]:
    """The tensors of an operation's input or output, however nested."""
    return [leaf for leaf in leaves_of(output) if isinstance(leaf, Tensor)]


def outline(output: Any) -> str:
    """Structure of an operation's input or output, with each tensor's shape and type.

    It is equal for outputs of which one can stand in the other's place.

    Examples:
        >>> outline((torch.zeros(1, 16), None))
        'tuple of [(1, 16) float32, NoneType]'
    """
    if isinstance(output, Tensor):
        dtype = str(output.dtype).removeprefix('torch.')
        place = '' if output.device.type == 'cpu' else f' on {output.device}'
        return f'{tuple(output.shape)} {dtype}{place}'
    kind = type(output).__name__
    if isinstance(output, dict):
        # In which order a dict was filled does not matter.
        parts = sorted(f'{key!r}: {outline(part)}' for key, part in output.items())
    elif isinstance(output, (list, tuple)):
        parts = [outline(part) for part in output]
    else:
        return kind
    return f'{kind} of [{", ".join(parts)}]'


def check_output(output: Any, name: str) -> None:
    """Refuses an output of a candidate, by its name, that no gate can take.

    Raises:
        ConfigError: It is or has something else than tensors, plain values, and
            lists, tuples and dicts of these, or it has no tensor.
    """
    leaves = leaves_of(output)
    odd = [leaf for leaf in leaves if not isinstance(leaf, (Tensor, *PLAIN))]
    if odd or not tensors_of(output):
        kind = type(odd[0] if odd else output).__name__
        raise ConfigError(
            f'candidate {name} must give a tensor, or lists, tuples or dicts with '
            f'tensors and plain values, but gives a {kind}.'
        )
