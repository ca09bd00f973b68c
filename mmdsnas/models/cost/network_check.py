"""Whether the costs of a table are those of the networks that run."""

from math import isclose
from typing import Callable, Dict, Mapping

from mmdsnas.errors import ConfigError
from mmdsnas.utils.words import shown
from .cost_table import Cost, CostTable
from .limits import ROUNDING, UNITS
from .search_space import covering_paths

COUNTED = ('flops', 'params')


def check_networks(
    table: CostTable, measure: Callable[[Mapping[str, str]], Dict[str, Cost]]
) -> None:
    """Refuses a search space in which the costs of a path are not a sum.

    Each candidate of each block is in one of the few networks that are counted, which
    are also the cheapest and the most expensive one.
    Latencies are not checked: they are measurements, whose sum is a prediction.

    Args:
        table (CostTable): Costs of the search space.
        measure (callable): Counts the network of a path, candidate by block: gives
            its cost by block, and the whole of it as ``''``.

    Raises:
        ConfigError: A network fails, or costs anything else than its path.
    """
    choices = {name: list(costs) for name, costs in table.blocks.items()}
    # Blocks of a group have one choice.
    first = {group: choices[blocks[0]] for group, blocks in table.groups.items()}
    for path in [*covering_paths(first), *table.extreme_paths()]:
        chosen = table.choices(path)
        try:
            found = measure(chosen)
        except ConfigError as error:
            raise ConfigError(
                f'the network of the path {shown(chosen)} cannot be executed: {error}'
            ) from error
        _compare(table, path, chosen, found)


def _compare(table, path, chosen, found) -> None:
    wanted = {block: table.blocks[block][c] for block, c in chosen.items()}
    wanted[''] = table.cost(path)
    for name, cost in wanted.items():
        for kind in COUNTED:
            sole, run = getattr(cost, kind), getattr(found[name], kind)
            if not isclose(sole, run, **ROUNDING):
                what = f'block {name} with {chosen[name]}' if name else 'the network'
                raise ConfigError(
                    f'the costs of a path must be the sum of those of its candidates, '
                    f'but in the path {shown(chosen)} {what} costs {run:.6g} '
                    f'{UNITS[kind]} instead of {sole:.6g}; what a module costs must '
                    'not depend on the choices of other blocks.'
                )
