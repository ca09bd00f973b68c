from contextlib import contextmanager
from typing import Dict, Iterator, List

import torch.nn as nn

from .one_hot_mutable_op import OneHotMutableOP


def blocks_of(model: nn.Module) -> Dict[str, OneHotMutableOP]:
    """The searchable blocks of a model by their names in it."""
    modules = model.named_modules()
    return {name: m for name, m in modules if isinstance(m, OneHotMutableOP)}


@contextmanager
def all_candidates(blocks: List[OneHotMutableOP]) -> Iterator[None]:
    """While open, every block executes all its candidates."""
    kept = [(b, b.current_choice, b._fixed_choice, b.gate) for b in blocks]
    for block in blocks:
        block.current_choice = block.gate = None
        block.fix_choice(None)
    try:
        yield
    finally:
        for block, current, fixed, gate in kept:
            block.current_choice, block.gate = current, gate
            block.fix_choice(fixed)
