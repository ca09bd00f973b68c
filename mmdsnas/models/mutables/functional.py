"""The gate of a block as a function of plain tensors."""

import torch
from torch import Tensor


def inner_product(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of two tensors of one shape, whatever their strides.

    It is accumulated in float64 if one of them is, else in float32; shape ``()``.
    """
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    a, b = _same_order(a, b)
    return torch.dot(a.to(dtype), b.to(dtype))


def _same_order(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Both tensors as vectors, without a copy where their layouts agree."""
    if a.dim() == 4 and b.is_contiguous(memory_format=torch.channels_last):
        # A permuted view of a channels-last map is contiguous.
        a, b = a.permute(0, 2, 3, 1), b.permute(0, 2, 3, 1)
    return a.reshape(-1), b.reshape(-1)


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y: Tensor, score: Tensor, direction: Tensor) -> Tensor:
        ctx.save_for_backward(direction)
        ctx.score_dtype = score.dtype
        return y

    @staticmethod
    def backward(ctx, grad_y: Tensor) -> tuple[Tensor, Tensor | None, None]:
        (direction,) = ctx.saved_tensors
        reward = None
        if ctx.needs_input_grad[1]:
            reward = inner_product(grad_y, direction).to(ctx.score_dtype)
        return grad_y, reward, None


def gate(y: Tensor, score: Tensor, direction: Tensor | None = None) -> Tensor:
    """Gate of a block: the identity, with a reward behind it.

    In the forward pass ``y`` comes out as it is. In the backward pass the gradient
    of ``y`` goes on unchanged, and ``score`` gets ``<dL/dy, direction>``, so that
    what it was computed from gets this reward times the gradient of the score. One
    backward pass fills all gradients, and the feature map is neither multiplied nor
    copied.

    With the log-probability of the sampled candidate as score and without a
    direction the reward is ``r = dL/dZ = <dL/dy, y>`` (Z = 1 is the one-hot gate, Hu
    et al. 2020, section 3.3), and ``alpha`` gets ``r * grad log p``.

    The backward pass needs the direction as it was; torch refuses an operation that
    works in place on the output where that is the direction.

    Args:
        y (Tensor): Output of the sampled candidate, any shape.
        score (Tensor): Shape ``()``. Blocks that share it get the sum of their
            rewards.
        direction (Tensor, optional): Of the shape of ``y``; by default ``y``.

    Returns:
        Tensor: ``y``, same values, shape and dtype.

    Examples:
        >>> alpha = torch.zeros(3, requires_grad=True)
        >>> y = torch.tensor([1., 2.])
        >>> gate(y, alpha.log_softmax(-1)[0]).sum().backward()
        >>> alpha.grad  # reward 3, times onehot - p
        tensor([ 2., -1., -1.])
    """
    return _Gate.apply(y, score, y if direction is None else direction)
