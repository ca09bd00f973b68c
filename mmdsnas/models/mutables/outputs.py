from operator import eq
from typing import Any, Callable

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from mmdsnas.errors import ConfigError

# Beside tensors, what an output may have that a gate leaves alone.
PLAIN = (type(None), bool, int, float, complex, str, torch.dtype, torch.device)


def map_tensors(function: Callable[..., Any], *outputs: Any) -> Any:
    """Applies a function to every tensor of an operation's output.

    With several outputs, all of one structure, it gets a tensor of each. Other values
    stay as they are in the first.
    """
    if isinstance(outputs[0], Tensor):
        return function(*outputs)
    return tree_map(
        lambda y, *others: function(y, *others) if isinstance(y, Tensor) else y,
        *outputs,
    )


def tensors_of(output: Any) -> list[Tensor]:
    """The tensors of an operation's input or output, however nested."""
    return [leaf for leaf in tree_leaves(output) if isinstance(leaf, Tensor)]


def outline(output: Any) -> Any:
    """An operation's input or output with shape and type in place of each tensor.

    Examples:
        >>> outline((torch.zeros(1, 16), None))
        ('(1, 16) float32', 'NoneType')
    """
    return tree_map(_in_words, output)


def alike(outline_: Any, other: Any) -> bool:
    """Whether of two outlines the outputs can stand in each other's place."""
    try:
        return all(tree_leaves(tree_map(eq, outline_, other)))
    except ValueError:
        # Another structure; a named tuple is no tuple, but the order of a dict is free.
        return False


def _in_words(leaf: Any) -> str:
    if not isinstance(leaf, Tensor):
        return type(leaf).__name__
    place = '' if leaf.device.type == 'cpu' else f' on {leaf.device}'
    return f'{tuple(leaf.shape)} {str(leaf.dtype).removeprefix("torch.")}{place}'


def check_output(output: Any, name: str) -> None:
    """Refuses an output of a candidate, by its name, that no gate can take.

    Raises:
        ConfigError: It is or has something else than tensors, plain values, and
            lists, tuples and dicts of these, or it has no tensor.
    """
    leaves = tree_leaves(output)
    odd = [leaf for leaf in leaves if not isinstance(leaf, (Tensor, *PLAIN))]
    if odd or not tensors_of(output):
        kind = type(odd[0] if odd else output).__name__
        raise ConfigError(
            f'candidate {name} must give a tensor, or lists, tuples or dicts with '
            f'tensors and plain values, but gives a {kind}.'
        )
