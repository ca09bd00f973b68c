"""Subnets: which candidate each block of a supernet has.

A file is MMRazor's: YAML, ``name of the block: {chosen: candidate}``.
"""

from pathlib import Path
from typing import Any, Mapping

import torch.nn as nn
import yaml
from yaml.composer import ComposerError

from mmdsnas.errors import SubnetError
from mmdsnas.models import DSNAS, OneHotMutableOP
from mmdsnas.utils.files import write_atomically
from mmdsnas.utils.paths import find_subnet
from mmdsnas.utils.words import nearest, shown

# Name (or alias) of a block -> name of its candidate.
Subnet = dict[str, str]
# What the names of the supernet's weights begin with in a search, and blocks in files
# of MMRazor's DumpSubnetHook.
SEARCH_PREFIX = 'architecture.'
# Of lists and dicts in a subnet file; MMRazor's have 4.
MAX_DEPTH = 20


class _Loader(yaml.SafeLoader):
    """PyYAML's safe loader without aliases and without depth.

    A few lines of either can take all of the memory or hours.
    """

    depth = 0

    def compose_node(self, parent, index):
        event = self.peek_event()
        self.depth += 1
        if isinstance(event, yaml.AliasEvent):
            reason = f'there is an alias, *{event.anchor}'
        elif self.depth > MAX_DEPTH:
            reason = f'there are more than {MAX_DEPTH} levels'
        else:
            node = super().compose_node(parent, index)
            self.depth -= 1
            return node
        raise ComposerError(None, None, reason, event.start_mark)


def read_subnet(source: str | Path | Mapping[str, Any]) -> Subnet:
    """Reads a subnet from a file or from what such a file holds.

    Args:
        source (str | Path | Mapping): A YAML file, the name of one of mmdsnas's
            own, or a mapping from block to candidate, or to MMRazor's
            ``{chosen: candidate}``.

    Raises:
        SubnetError: There is no such file, or it is not a subnet file.
    """
    name = 'the subnet'
    if isinstance(source, (str, Path)):
        name, path = f'subnet file {source}', find_subnet(source)
        try:
            source = yaml.load(path.read_text(encoding='utf-8'), _Loader)
        except OSError as error:
            raise SubnetError(f'{name} cannot be read: {error.strerror}.') from error
        # A malformed date, number or tag makes PyYAML raise any of several errors.
        except Exception as error:
            reason = ' '.join(str(error).split())
            raise SubnetError(f'{name} is not valid YAML: {reason}.') from error
    if not isinstance(source, Mapping) or not source:
        raise SubnetError(
            f'{name} must map blocks to candidates, as in "backbone.layers.0.0: '
            f'{{chosen: shuffle_3x3}}", but holds {shown(source)}.'
        )
    subnet = {}
    for block, entry in source.items():
        chosen = entry.get('chosen') if isinstance(entry, Mapping) else entry
        if not isinstance(block, str) or not isinstance(chosen, str):
            raise SubnetError(
                f'{name}: the entry of {shown(block)} must be {{chosen: name of a '
                f'candidate}}, but is {shown(entry)}.'
            )
        subnet[block] = chosen
    if all(block.startswith(SEARCH_PREFIX) for block in subnet):
        subnet = {b.removeprefix(SEARCH_PREFIX): c for b, c in subnet.items()}
    return subnet


def write_subnet(subnet: Subnet, path: str | Path) -> None:
    """Writes a subnet file in MMRazor's format, atomically."""
    content = {block: dict(chosen=c) for block, c in subnet.items()}
    text = yaml.safe_dump(content, sort_keys=False)
    with write_atomically(path) as temporary:
        temporary.write_text(text, encoding='utf-8')


def block_names(model: nn.Module) -> dict[str, OneHotMutableOP]:
    """Blocks of an architecture under the names that subnet files use."""
    return {
        module.alias or name: module
        for name, module in model.named_modules()
        if isinstance(module, OneHotMutableOP)
    }


def check_subnet(model: nn.Module, subnet: Subnet) -> None:
    """Raises a ``SubnetError`` if a subnet does not fit a supernet."""
    blocks = block_names(model)
    hint = '; the subnet belongs to another supernet.'
    for name in subnet:
        if name not in blocks:
            raise SubnetError(
                f'the subnet names block {name!r}, which the supernet does not '
                f'have{nearest(name, blocks)}{hint}'
            )
    for name, block in blocks.items():
        if name not in subnet:
            raise SubnetError(f'the subnet has no entry for block {name!r}{hint}')
        if subnet[name] not in block.choices:
            raise SubnetError(
                f'the subnet chooses {subnet[name]!r} for block {name}, which '
                f'has {", ".join(block.choices)}{hint}'
            )


def subnet_of_path(algorithm: DSNAS, path: Mapping[str, str]) -> Subnet:
    """A path of a search, written by block, in the order of its model."""
    groups = algorithm.mutator.search_groups.items()
    group_of = {block: name for name, blocks in groups for block in blocks}
    blocks = block_names(algorithm.architecture).items()
    return {name: path[group_of[block]] for name, block in blocks}
