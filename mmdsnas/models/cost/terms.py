"""Limits for images of several sizes."""

from typing import Any, Mapping

from mmdsnas.errors import ConfigError
from .cost_table import CostTable
from .cost_term import CostTerm


def terms_by_size(
    tables: Mapping[int, CostTable], whole: CostTable, cost: Mapping[str, Any]
) -> dict[int, CostTerm]:
    """Limits by the size of the images; a size that leaves no path is left out.

    Args:
        tables (Mapping[int, CostTable]): Costs of the search space at each size.
        whole (CostTable): What a limit in percent is a part of.
        cost (Mapping): Options of ``CostTerm``.

    Raises:
        ConfigError: None of the sizes leaves a path; that of the last one.
    """
    terms, refused = {}, None
    for size, table in tables.items():
        try:
            terms[size] = CostTerm(table, **cost, whole=whole)
        except ConfigError as error:
            refused = error
    if not terms:
        raise refused
    return terms
