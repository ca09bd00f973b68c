from contextlib import contextmanager
from typing import Any, Iterator, Sequence

import torch
import torch.nn as nn
from torch import Tensor

from mmdsnas.errors import ConfigError
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
        images (Tensor): Digest, uint8, that tells which images these are.
    """

    logits: Tensor
    images: Tensor

    def __init__(self, loss: dict[str, Any]) -> None:
        super().__init__()
        self.distance = MODELS.build({'type': 'mmrazor.KLDivergence', **loss})
        self.register_buffer('logits', torch.empty(0, 0))
        self.register_buffer('images', torch.empty(0, dtype=torch.uint8))

    def set(self, logits: Tensor, images: Tensor) -> None:
        """Takes the logits of all training images, and their digest."""
        self.logits = logits.detach().clone()
        self.images = images.to(logits.device)

    def forward(self, outputs: Tensor, data_samples: Sequence[Any]) -> Tensor:
        """The loss, ``()``, of the outputs for some images."""
        places = [sample.sample_idx for sample in data_samples]
        # In mixed precision, too, in that of the labels.
        return self.distance(outputs.to(self.logits), self.logits[places])

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        # Of as many images as there were.
        for name, own in list(self._buffers.items()):
            if (value := state_dict.get(f'{prefix}{name}')) is not None:
                setattr(self, name, own.new_empty(value.shape))
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


def logits_among(outputs: Sequence[Any]) -> Tensor:
    """The logits, ``(n, num_classes)``, that a head returned last.

    Raises:
        ConfigError: It was not called, or returns something else.
    """
    last = outputs[-1] if outputs else None
    if not isinstance(last, Tensor) or last.dim() != 2:
        kind = tuple(last.shape) if isinstance(last, Tensor) else type(last).__name__
        given = f'returns {kind}' if outputs else 'is not called'
        raise ConfigError(
            'model.distillation must have an architecture whose loss calls its head, '
            f'which returns logits, (n, num_classes), but the head {given}.'
        )
    return last
