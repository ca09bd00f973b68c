import hashlib
import random
import re
from typing import Any, Dict, List, Mapping, Sequence, Tuple

import torch.nn as nn
from torch import Tensor

from ..mutables import blocks_of

# What a module is called with: arguments by place, and by name.
Inputs = Tuple[Tuple[Any, ...], Dict[str, Any]]


def random_paths(
    choices: Mapping[str, Sequence[str]], num: int, seed: int
) -> List[Dict[str, str]]:
    """Draws paths uniformly, each candidate by block or group.

    Args:
        choices (Mapping[str, Sequence[str]]): Candidates by block or group.
        num (int): Number of paths.
        seed (int): The same seed gives the same paths.
    """
    draw = random.Random(seed)
    return [
        {n: draw.choice(options) for n, options in choices.items()} for _ in range(num)
    ]


def covering_paths(choices: Mapping[str, Sequence[str]]) -> List[Dict[str, str]]:
    """The fewest paths that have every candidate of every block.

    Args:
        choices (Mapping[str, Sequence[str]]): Candidates by block or group.
    """
    num = max(map(len, choices.values()))
    return [
        {n: options[k % len(options)] for n, options in choices.items()}
        for k in range(num)
    ]


def block_inputs(model: nn.Module, inputs: Tensor) -> Dict[str, List[Inputs]]:
    """What the blocks are called with in one forward pass.

    Args:
        model (nn.Module): A supernet in eval mode, whose choices change.
        inputs (Tensor): Its input.

    Returns:
        dict[str, list[Inputs]]: The arguments of each call by block; none for a
        block that is not executed.
    """
    blocks = blocks_of(model)
    found: Dict[str, List[Inputs]] = {name: [] for name in blocks}
    handles = []
    for name, block in blocks.items():
        block.current_choice = block.choices[0]
        handles.append(
            block.register_forward_pre_hook(
                lambda _, args, kwargs, name=name: found[name].append((args, kwargs)),
                with_kwargs=True,
            )
        )
    model(inputs)
    for handle in handles:
        handle.remove()
    return found


def digest(model: nn.Module) -> str:
    """A hash of a model's layers and of the shapes of its tensors.

    Args:
        model (nn.Module): Two whose latencies differ on the same machine have
            different hashes, as far as their ``repr`` tells.
    """
    shapes = [(name, tuple(t.shape)) for name, t in model.state_dict().items()]
    text = re.sub(r' at 0x[0-9a-f]+', '', f'{model}{shapes}')
    return hashlib.sha256(text.encode()).hexdigest()[:16]
