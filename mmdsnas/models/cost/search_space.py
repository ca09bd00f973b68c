import hashlib
import random
import re
from contextlib import ExitStack
from typing import Any, Mapping, Sequence

import torch.nn as nn
from torch import Tensor

from ..mutables import blocks_of

# What a module is called with: arguments by place, and by name.
Inputs = tuple[tuple[Any, ...], dict[str, Any]]


def random_paths(
    choices: Mapping[str, Sequence[str]], num: int, seed: int
) -> list[dict[str, str]]:
    """Draws paths uniformly, each candidate by block or group, as in ``choices``."""
    draw = random.Random(seed)
    return [
        {n: draw.choice(options) for n, options in choices.items()} for _ in range(num)
    ]


def covering_paths(choices: Mapping[str, Sequence[str]]) -> list[dict[str, str]]:
    """The fewest paths that have every candidate of every block or group."""
    num = max(map(len, choices.values()))
    return [
        {n: options[k % len(options)] for n, options in choices.items()}
        for k in range(num)
    ]


def block_inputs(model: nn.Module, inputs: Tensor) -> dict[str, list[Inputs]]:
    """The arguments of each call of the blocks in one forward pass, by block.

    The model is a supernet in eval mode, whose choices change.
    """
    found: dict[str, list[Inputs]] = {}
    with ExitStack() as hooks:
        for name, block in blocks_of(model).items():
            block.current_choice = block.choices[0]
            calls = found[name] = []
            handle = block.register_forward_pre_hook(
                lambda _, *given, calls=calls: calls.append(given), with_kwargs=True
            )
            hooks.callback(handle.remove)
        model(inputs)
    return found


def digest(model: nn.Module) -> str:
    """A hash of the ``repr`` of a model's layers, and of the shapes of its tensors."""
    shapes = [(name, tuple(t.shape)) for name, t in model.state_dict().items()]
    text = re.sub(r' at 0x[0-9a-f]+', '', f'{model}{shapes}')
    return hashlib.sha256(text.encode()).hexdigest()[:16]
