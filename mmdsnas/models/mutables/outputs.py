from typing import Any, Callable, List

from torch import Tensor


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
        return {
            key: map_tensors(function, *(output[key] for output in outputs))
            for key in first
        }
    if isinstance(first, (list, tuple)):
        parts = [map_tensors(function, *each) for each in zip(*outputs, strict=True)]
        return type(first)(*parts) if hasattr(first, '_fields') else type(first)(parts)
    return first


def tensors_of(output: Any) -> List[Tensor]:
    """The tensors of an operation's input or output, however nested."""
    if isinstance(output, Tensor):
        return [output]
    if isinstance(output, dict):
        output = list(output.values())
    if isinstance(output, (list, tuple)):
        return [tensor for part in output for tensor in tensors_of(part)]
    return []
