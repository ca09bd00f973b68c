from typing import Sequence

import torch.nn as nn

from .costs import Amounts
from .resource_estimator import ResourceEstimator


def stage_names(model: nn.Module) -> list[str]:
    """Names of the parts of a network that are worth a line each.

    What stands in a list counts one by one, and a backbone is taken apart.
    """
    names: list[str] = []
    for name, child in model.named_children():
        apart = name == 'backbone' or isinstance(child, nn.ModuleList)
        names += [f'{name}.{n}' for n in stage_names(child)] if apart else [name]
    return names


def costs_by_stage(
    model: nn.Module, input_shape: Sequence[int], counts: Sequence[str]
) -> tuple[dict[str, list[Amounts]], list[Amounts]]:
    """Costs of a network without alternatives, by stage and of the whole.

    They are in the order of ``counts``, which say what layers count. See
    ``ResourceEstimator`` for these and ``input_shape``. Stages that cost nothing are
    left out.
    """
    names = ['', *stage_names(model)]
    columns = [
        ResourceEstimator(input_shape, count).module_costs(model, names)
        for count in counts
    ]
    by_stage = {name: [column[name] for column in columns] for name in names}
    whole = by_stage.pop('')
    costs = {n: row for n, row in by_stage.items() if any(any(c.values()) for c in row)}
    return costs, whole
