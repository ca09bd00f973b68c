"""Loading of checkpoints."""

from typing import Callable, Dict

import torch
import torch.nn as nn
from torch import Tensor


def take_what_fits(
    module: nn.Module,
    state_dict: Dict[str, Tensor],
    prefix: str,
    fill: Callable[[Tensor], Tensor] = torch.clone,
) -> None:
    """Lets a module load a checkpoint of another configuration of it.

    For what a run can do without: numbers of an estimator, multipliers of limits.
    What the module does not have is dropped.

    Args:
        module (nn.Module): About to load.
        state_dict (dict[str, Tensor]): Of the checkpoint, changed in place.
        prefix (str): What the names of the module's start with.
        fill (callable): Makes what the checkpoint does not have of what the module
            has, by default the same.
    """
    own = module.state_dict(prefix=prefix)
    for name in [n for n in state_dict if n.startswith(prefix) and n not in own]:
        del state_dict[name]
    for name, value in own.items():
        state_dict.setdefault(name, fill(value))
