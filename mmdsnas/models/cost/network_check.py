"""Whether the costs of a table are those of the networks that run."""

from math import isclose
from typing import Callable, Mapping

from mmdsnas.errors import ConfigError
from mmdsnas.utils.words import shown
from .cost_table import ROUNDING, CostTable
from .costs import COSTS, Amounts
from .search_space import covering_paths


def check_networks(
    table: CostTable, count: Callable[[Mapping[str, str]], dict[str, Amounts]]
) -> None:
    """Refuses a search space in which the costs of a path are not a sum.

    Each candidate of each block is in one of the few networks that are counted, which
    are also the cheapest and the most expensive one. ``count`` counts the network of a
    path, candidate by block, and gives what ``CostTable.by_block`` does.

    Raises:
        ConfigError: A network fails, or costs anything else than its path.
    """
    choices = {name: list(costs) for name, costs in table.blocks.items()}
    # Blocks of a group have one choice.
    first = {group: choices[blocks[0]] for group, blocks in table.groups.items()}
    for path in [*covering_paths(first), *table.extreme_paths()]:
        chosen = table.choices(path)
        try:
            found = count(chosen)
        except ConfigError as error:
            raise ConfigError(
                f'the network of the path {shown(chosen)} cannot be executed: {error}'
            ) from error
        for block, costs in table.by_block(path).items():
            for name, amount in costs.items():
                run = found[block][name]
                if isclose(amount, run, **ROUNDING):
                    continue
                what = f'block {block} with {chosen[block]}' if block else 'the network'
                raise ConfigError(
                    f'the costs of a path must be the sum of those of its candidates, '
                    f'but in the path {shown(chosen)} {what} costs {run:.6g} '
                    f'{COSTS[name].unit} instead of {amount:.6g}; what a module costs '
                    'must not depend on the choices of other blocks.'
                )
