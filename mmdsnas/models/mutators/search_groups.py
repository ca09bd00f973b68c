"""What is searched in a supernet, and together with what."""

from typing import Sequence

import torch.nn as nn
from mmrazor.models.mutables.base_mutable import BaseMutable

from mmdsnas.errors import ConfigError
from ..mutables import OneHotMutableOP, blocks_of


def check_search_space(supernet: nn.Module) -> None:
    """Refuses a supernet that DSNAS cannot search.

    Raises:
        ConfigError: It has no block, a mutable of another type, a block
            inside a candidate of another block, or a module of a candidate
            that stands elsewhere too.
    """
    modules = supernet.named_modules()
    mutables = {name: m for name, m in modules if isinstance(m, BaseMutable)}
    if not mutables:
        raise ConfigError(
            'architecture has nothing to search: it contains no OneHotMutableOP.'
        )
    for name, module in mutables.items():
        if not isinstance(module, OneHotMutableOP):
            raise ConfigError(
                f'architecture: {name} is a {type(module).__name__}, but '
                'DSNAS searches blocks of type mmdsnas.OneHotMutableOP only.'
            )
        inner = [n for n in mutables if n.startswith(f'{name}.')]
        if inner:
            raise ConfigError(
                f'architecture: block {inner[0]} lies inside a candidate of '
                f'block {name}; a candidate cannot itself be searched.'
            )

    # Counters and subnet files know a module under one name alone.
    first = {}
    for name, module in supernet.named_modules(remove_duplicate=False):
        names = [first.setdefault(module, name), name]
        if names[0] != name and any('._candidates.' in f'.{n}' for n in names):
            raise ConfigError(
                f'architecture: {names[0]} and {name} are one and the same '
                'module; candidates need modules of their own.'
            )


def search_groups_of(
    supernet: nn.Module, custom_groups: Sequence[Sequence[str]]
) -> dict[str, list[OneHotMutableOP]]:
    """The blocks that share one ``alpha``, by the names that MMRazor gives them.

    First the custom groups, then the blocks with an alias, then the others.

    Args:
        supernet (nn.Module): The model to be searched.
        custom_groups (Sequence[Sequence[str]]): Aliases, or names of blocks without.

    Raises:
        ConfigError: A group has something else, or what another one has, or blocks of
            a group have different candidates.
    """
    blocks = blocks_of(supernet)
    aliases = [block.alias for block in blocks.values() if block.alias is not None]
    left: dict[str, list[str]] = {alias: [] for alias in aliases}
    for name, block in blocks.items():
        if block.alias is None and name in left:
            raise ConfigError(f'alias {name!r} must not be the name of another block.')
        left.setdefault(block.alias or name, []).append(name)
    groups: list[list[str]] = []
    for i, items in enumerate(custom_groups):
        groups.append([])
        for item in items:
            if item not in left:
                raise ConfigError(
                    f'mutator.custom_groups[{i}] must list aliases of blocks, or names '
                    f'of blocks without, each of them once, but has {item!r}; left '
                    f'are {", ".join(left) or "none"}.'
                )
            groups[-1] += left.pop(item)
    groups += left.values()
    for first, *others in groups:
        for name in others:
            if blocks[name].choices != blocks[first].choices:
                raise ConfigError(
                    'blocks of a group share one alpha, so they need the same '
                    f'candidates, but {first} has {", ".join(blocks[first].choices)} '
                    f'and {name} has {", ".join(blocks[name].choices)}.'
                )
    return {f'module_{i}': [blocks[n] for n in g] for i, g in enumerate(groups)}
