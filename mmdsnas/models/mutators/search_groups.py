"""Checks of a search space, made before anything is built on it."""

from typing import List

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


def resolve_custom_groups(
    supernet: nn.Module, custom_groups: List[List[str]]
) -> List[List[str]]:
    """Refuses groups that do not fit the supernet.

    Args:
        supernet (nn.Module): The model to be searched.
        custom_groups (list[list[str]]): Names or aliases of blocks.

    Returns:
        list[list[str]]: The groups with names alone, which MMRazor needs: it
        takes the last item of a group for a name.

    Raises:
        ConfigError: A group is empty or names an unknown block, a block is in
            two groups, or blocks of a group have different candidates.
    """
    blocks = blocks_of(supernet)
    by_alias = {}
    for name, block in blocks.items():
        if block.alias is not None:
            by_alias.setdefault(block.alias, []).append(name)
    group_of, resolved = {}, []
    for i, group in enumerate(custom_groups):
        option = f'mutator.custom_groups[{i}]'
        if not group:
            raise ConfigError(
                f'{option} is empty; a group lists the names or '
                'aliases of one or more blocks.'
            )
        for item in group:
            if item not in blocks and item not in by_alias:
                known = ', '.join([*by_alias, *blocks])
                raise ConfigError(
                    f'{option} names {item!r}, which is no block; there are {known}.'
                )
            for name in by_alias.get(item, [item]):
                if name in group_of:
                    raise ConfigError(
                        f'{option} holds block {name}, which '
                        f'custom_groups[{group_of[name]}] holds already.'
                    )
                if name == item and blocks[name].alias is not None:
                    raise ConfigError(
                        f'{option} names block {name} by its module name, but '
                        f'it has the alias {blocks[name].alias!r}; use that.'
                    )
                group_of[name] = i
        resolved.append([name for name, k in group_of.items() if k == i])
    shared = {f'custom_groups[{i}]': names for i, names in enumerate(resolved)}
    shared |= {f'the blocks with alias {a!r}': names for a, names in by_alias.items()}
    for group, (first, *others) in shared.items():
        for name in others:
            if blocks[name].choices != blocks[first].choices:
                raise ConfigError(
                    f'{group} share one alpha, so they need the same candidates, but '
                    f'{first} has {", ".join(blocks[first].choices)} and {name} has '
                    f'{", ".join(blocks[name].choices)}.'
                )
    return resolved
