"""What a network computes in int8, simulated in float32."""

import math
from contextlib import contextmanager
from typing import Any, Callable, Iterable, Iterator

import torch
import torch.nn.functional as F
from mmengine.dist import all_reduce
from torch import Tensor
from torch.overrides import TorchFunctionMode

# They have weights, as their second argument.
_WEIGHTED = {torch.conv1d, torch.conv2d, torch.conv3d, F.linear}
_OTHERS = {
    *(torch.add, Tensor.add, Tensor.add_, Tensor.__add__, Tensor.__iadd__),
    *(F.adaptive_avg_pool2d, torch.mean, Tensor.mean),
}
_LOWEST, _HIGHEST = -128, 127


class Int8(TorchFunctionMode):
    """Rounds what a network's operations take to int8, while it is open.

    As in ONNX Runtime's static quantization, weights have a scale for each output
    channel, feature maps one each, from the smallest and the largest value that
    :meth:`calibrate` saw. A BatchNorm after an operation scales its channels, which
    changes nothing of that. The network must execute the same operations each time.

    Example:
        >>> int8 = Int8()
        >>> int8.calibrate(network, batches)
        >>> with int8.executing():
        ...     logits = network(images)
    """

    def __init__(self) -> None:
        super().__init__()
        # Smallest and largest value of each input of each operation, in their order.
        self._ranges: list[Tensor] = []
        self._calibrates, self._place = False, 0

    @torch.no_grad()
    def calibrate(self, network: Callable[[Any], Any], batches: Iterable[Any]) -> None:
        """Notes the ranges of feature maps; nothing is rounded.

        Args:
            network (Callable): Executed on each batch.
            batches (Iterable): At least one.
        """
        self._ranges, self._calibrates = [], True
        for batch in batches:
            with self.executing():
                network(batch)
        self._calibrates = False

    def agree(self) -> None:
        """Gives every process of a distributed run the ranges of all of them."""
        ends = torch.stack(self._ranges)
        smallest, largest = ends[:, 0].clone(), ends[:, 1].clone()
        all_reduce(smallest, 'min')
        all_reduce(largest, 'max')
        self._ranges = list(torch.stack([smallest, largest], 1))

    @contextmanager
    def executing(self) -> Iterator[None]:
        """While open, operations of one forward pass get what int8 leaves of inputs."""
        self._place = 0
        with self:
            yield

    def __torch_function__(
        self,
        func: Callable,
        types: Iterable[type],
        args: tuple = (),
        kwargs: dict[str, Any] | None = None,
    ) -> Any:
        """Rounds the inputs of an operation that int8 has."""
        number = 1 if func in _WEIGHTED else 2 if func in _OTHERS else 0
        args = list(args)
        for k, given in enumerate(args[:number]):
            if isinstance(given, Tensor) and given.is_floating_point():
                args[k] = self._map(given)
        if func in _WEIGHTED and not self._calibrates:
            args[1] = rounded_weight(args[1])
        return func(*args, **(kwargs or {}))

    def _map(self, given: Tensor) -> Tensor:
        place, self._place = self._place, self._place + 1
        if not self._calibrates:
            # What comes behind the network, such as a loss, stays as it is.
            known = place < len(self._ranges)
            return rounded(given, *self._ranges[place].tolist()) if known else given
        # Zero is exact, as of padding.
        found = torch.stack([given.min().clamp(max=0), given.max().clamp(min=0)])
        found = found.detach().float().cpu()
        if place == len(self._ranges):
            self._ranges.append(found)
        before = self._ranges[place]
        ends = torch.minimum(before, found)[0], torch.maximum(before, found)[1]
        self._ranges[place] = torch.stack(ends)
        return given


def rounded(given: Tensor, smallest: float, largest: float) -> Tensor:
    """What int8 leaves of a feature map within a range, which 0 is in."""
    if not math.isfinite(largest - smallest):
        # As of a network whose training has failed; no scale has that range.
        return torch.full_like(given, math.nan)
    scale = (largest - smallest) / (_HIGHEST - _LOWEST) or 1.0
    zero = round(_LOWEST - smallest / scale)
    return torch.fake_quantize_per_tensor_affine(given, scale, zero, _LOWEST, _HIGHEST)


def rounded_weight(weight: Tensor) -> Tensor:
    """What int8 leaves of a weight, symmetric, with a scale for each first index."""
    largest = weight.detach().abs().flatten(1).amax(1)
    scale = (largest / _HIGHEST).clamp(min=torch.finfo(torch.float32).tiny).float()
    zero = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(
        weight, scale, zero, 0, -_HIGHEST, _HIGHEST
    )
