"""What the blocks of a supernet execute while it is looked at."""

from contextlib import contextmanager
from functools import partial
from typing import Any, Iterator, Mapping

import torch.nn as nn

from mmdsnas.errors import ConfigError, UserError
from .one_hot_mutable_op import OneHotMutableOP
from .outputs import alike, outline


def blocks_of(model: nn.Module) -> dict[str, OneHotMutableOP]:
    """The searchable blocks of a model by their names in it."""
    modules = model.named_modules()
    return {name: m for name, m in modules if isinstance(m, OneHotMutableOP)}


@contextmanager
def all_candidates(blocks: Mapping[str, OneHotMutableOP]) -> Iterator[dict[str, int]]:
    """While open, every block executes all its candidates and hands on the last's.

    Yields:
        dict[str, int]: How often each block was executed.

    Raises:
        ConfigError: In the forward, once a candidate returns anything else than
            another one of its block, in structure, shape, type or device.
        RuntimeError: In the forward, once a candidate fails; it names it.
    """
    with _restored(blocks) as free:
        calls = dict.fromkeys(free, 0)
        for name, block in free.items():
            block.gate = partial(_compared, name, calls)
        yield calls


@contextmanager
def one_path(
    blocks: Mapping[str, OneHotMutableOP], path: Mapping[str, str]
) -> Iterator[None]:
    """While open, every block has one candidate alone.

    It is the network that is exported, and no copy: a function that a module holds
    would still call the original.
    """
    with _restored(blocks) as free:
        for name, block in free.items():
            block.current_choice = choice = path[name]
            block._candidates = nn.ModuleDict({choice: block.candidate(choice)})
        yield


@contextmanager
def _restored(
    blocks: Mapping[str, OneHotMutableOP],
) -> Iterator[dict[str, OneHotMutableOP]]:
    """The blocks with candidates left, without gates; put back at the end."""
    free = {name: block for name, block in blocks.items() if not block.is_fixed}
    kept = [(b, b._candidates, b.current_choice, b.gate) for b in free.values()]
    for block in free.values():
        block.gate = None
    try:
        yield free
    finally:
        for block, candidates, current, gate in kept:
            block._candidates = candidates
            block.current_choice = current
            block.gate = gate


def _compared(
    name: str, calls: dict[str, int], block: OneHotMutableOP, *args: Any, **kwargs: Any
) -> Any:
    """A gate that executes all candidates."""
    calls[name] += 1
    first = None
    for choice in block.choices:
        try:
            y = block.candidate(choice)(*args, **kwargs)
        except UserError:
            raise
        # Whatever a candidate raises, its user must know which it was.
        except Exception as error:
            given = ', '.join(map(str, outline([*args, *kwargs.values()])))
            raise RuntimeError(
                f'candidate {choice} of block {name} fails with the input {given}: '
                f'{type(error).__name__}: {error}'
            ) from error
        found = outline(y)
        first = first or (choice, found)
        if not alike(found, first[1]):
            mode = ' in training mode' if block.training else ''
            raise ConfigError(
                f'block {name}: candidate {choice} gives {found}{mode}, but {first[0]} '
                f'gives {first[1]}; all candidates of a block must give the same.'
            )
    return y
