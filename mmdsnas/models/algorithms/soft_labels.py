from contextlib import contextmanager
from typing import Any, Iterator, Sequence

import torch
import torch.nn as nn
from torch import Tensor

from mmdsnas.registry import MODELS


class SoftLabels(nn.Module):
    """What a trained network says of each training image (Hinton et al. 2015).

    A network says it once, of the image as it is tested; the child that learns from it
    sees other crops of the image. So a step costs nothing more, and a run that is
    resumed needs no second network.

    Args:
        loss (dict): Config of a loss of two logits, ``(n, num_classes)``, the child's
            and the given ones; MMRazor's ``KLDivergence`` by default.

    Attributes:
        logits (Tensor): By the image's place in the training data, ``(num_images,
            num_classes)``; of no images before they are :meth:`set`.
    """

    logits: Tensor

    def __init__(self, loss: dict[str, Any]) -> None:
        super().__init__()
        self.distance = MODELS.build({'type': 'mmrazor.KLDivergence', **loss})
        self.register_buffer('logits', torch.empty(0, 0))

    def set(self, logits: Tensor) -> None:
        """Takes the logits of all training images."""
        self.logits = logits.detach().clone()

    def forward(self, outputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """The loss, ``()``, of the outputs for some images."""
        places = [sample.sample_idx for sample in data_samples]
        # In mixed precision, too, in that of the labels.
        return self.distance(outputs.to(self.logits), self.logits[places])

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # Of as many images as there were.
        if (logits := state_dict.get(f'{prefix}logits')) is not None:
            self.logits = self.logits.new_empty(logits.shape)
        super()._load_from_state_dict(state_dict, prefix, *args)


@contextmanager
def outputs_of(module: nn.Module) -> Iterator[list[Any]]:
    """While open, notes what a module returns."""
    outputs: list[Any] = []
    handle = module.register_forward_hook(lambda _, args, y: outputs.append(y))
    try:
        yield outputs
    finally:
        handle.remove()
