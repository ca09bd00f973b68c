"""The DSNAS gradient as a function of plain tensors."""

from typing import Tuple

import torch
from torch import Tensor


def inner_product(a: Tensor, b: Tensor) -> Tensor:
    """Inner product of two tensors, accumulated in at least float32.

    Args:
        a (Tensor): Any shape and strides.
        b (Tensor): The same shape as ``a``.

    Returns:
        Tensor: Shape ``()``; float64 if ``a`` or ``b`` is, else float32.
    """
    dtype = torch.promote_types(torch.promote_types(a.dtype, b.dtype), torch.float32)
    a, b = _same_order(a, b)
    return torch.dot(a.to(dtype), b.to(dtype))


def _same_order(a: Tensor, b: Tensor) -> Tuple[Tensor, Tensor]:
    """Both tensors as vectors, without a copy where their layouts agree."""
    if a.dim() == 4 and b.is_contiguous(memory_format=torch.channels_last):
        # A permuted view of a channels-last map is contiguous.
        a, b = a.permute(0, 2, 3, 1), b.permute(0, 2, 3, 1)
    return a.reshape(-1), b.reshape(-1)


class _Gate(torch.autograd.Function):
    @staticmethod
    def forward(ctx, y: Tensor, log_prob: Tensor) -> Tensor:
        ctx.save_for_backward(y)
        ctx.log_prob_dtype = log_prob.dtype
        return y

    @staticmethod
    def backward(ctx, grad_y: Tensor) -> Tuple[Tensor, Tensor]:
        (y,) = ctx.saved_tensors
        reward = None
        if ctx.needs_input_grad[1]:
            reward = inner_product(grad_y, y).to(ctx.log_prob_dtype)
        return grad_y, reward


def gate(y: Tensor, log_prob: Tensor) -> Tensor:
    """One-hot gate of a block: the identity, with the DSNAS reward behind it.

    In the forward pass ``y`` comes out as it is. In the backward pass the
    gradient of ``y`` goes on unchanged, and ``log_prob`` gets the block's
    reward ``r = dL/dZ = <dL/dy, y>`` (Z = 1 is the gate, Hu et al. 2020,
    section 3.3), so that what ``log_prob`` was computed from gets
    ``r * grad log p``: one backward pass fills all gradients, and the feature
    map is neither multiplied nor copied.

    The backward pass needs ``y`` as it was; torch refuses an operation that
    works in place on the output.

    Args:
        y (Tensor): Output of the sampled candidate, any shape.
        log_prob (Tensor): Log-probability of the sampled candidate,
            shape ``()``. Blocks that share it get the sum of their rewards.

    Returns:
        Tensor: ``y``, same values, shape and dtype.

    Examples:
        >>> alpha = torch.zeros(3, requires_grad=True)
        >>> y = torch.tensor([1., 2.])
        >>> gate(y, alpha.log_softmax(-1)[0]).sum().backward()
        >>> alpha.grad  # reward 3, times onehot - p
        tensor([ 2., -1., -1.])
    """
    return _Gate.apply(y, log_prob)
