import copy
from contextlib import contextmanager
from typing import Any, Iterator

import torch
import torch.nn as nn
from torch import Tensor

from mmdsnas.registry import MODELS
from ..batch_norm import batch_norms
from ..mutables import blocks_of


class Teacher(nn.Module):
    """The largest path as it was, which the child learns from (Hinton et al. 2015).

    It is the path of the first candidates. Nothing trains it.

    Args:
        supernet (nn.Module): The network that it is a path of.
        loss (dict): Config of a loss of two logits, ``(n, num_classes)``, the child's
            and the teacher's; MMRazor's ``KLDivergence`` by default.
    """

    def __init__(self, supernet: nn.Module, loss: dict[str, Any]) -> None:
        super().__init__()
        self.distance = MODELS.build({'type': 'mmrazor.KLDivergence', **loss})
        self.network = copy.deepcopy(supernet).requires_grad_(False)
        for block in blocks_of(self.network).values():
            block.fix_chosen(block.choices[0])
        for layer in batch_norms(self.network):
            # What resets or averages the statistics of a search leaves these alone.
            layer.track_running_stats = False

    def train(self, mode: bool = True) -> 'Teacher':
        """Stays in eval mode."""
        return super().train(False)

    def keep(self, supernet: nn.Module) -> None:
        """Takes over the weights that the path has now."""
        weights = supernet.state_dict()
        own = self.network.state_dict()
        self.network.load_state_dict({name: weights[name] for name in own})

    def forward(self, inputs: Tensor, logits: Tensor) -> Tensor:
        """The loss of logits ``(n, num_classes)`` of a batch."""
        with torch.no_grad():
            given = self.network(inputs, mode='tensor')
        return self.distance(logits, given)


@contextmanager
def outputs_of(module: nn.Module) -> Iterator[list[Any]]:
    """While open, notes what a module returns."""
    outputs: list[Any] = []
    handle = module.register_forward_hook(lambda _, args, y: outputs.append(y))
    try:
        yield outputs
    finally:
        handle.remove()
