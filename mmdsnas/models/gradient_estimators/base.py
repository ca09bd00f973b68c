from abc import ABC, abstractmethod
from contextlib import contextmanager
from functools import partial
from typing import Iterator, Optional, Sequence

from torch import Tensor

from ..mutables import OneHotMutableOP


class BaseGradientEstimator(ABC):
    """How the architecture parameters ``alpha`` get their gradient.

    The algorithm is given one. It sees the blocks that are still searched and
    the log-probabilities of what was drawn for them, and knows neither stages
    nor optimizers.

    Attributes:
        block_rewards (Tensor, optional): What the log-probabilities got in
            the last backward pass, shape ``(num_blocks, )``, still multiplied
            by whatever the loss was multiplied by (loss scale, accumulation).
    """

    def __init__(self) -> None:
        self.block_rewards: Optional[Tensor] = None

    @abstractmethod
    def gate(self, y: Tensor, log_prob: Tensor) -> Tensor:
        """What happens to the output of a block's sampled candidate.

        Args:
            y (Tensor): The candidate's output.
            log_prob (Tensor): Its log-probability, shape ``()``.

        Returns:
            Tensor: The block's output.
        """

    @contextmanager
    def attach(
        self, blocks: Sequence[OneHotMutableOP], log_probs: Tensor
    ) -> Iterator[None]:
        """Puts the gates behind the blocks for one forward pass.

        The gates are taken off afterwards, so that a model at rest holds no
        piece of an autograd graph and can be copied.

        Args:
            blocks (Sequence[OneHotMutableOP]): The blocks still searched.
            log_probs (Tensor): Log-probability of each block's sampled
                candidate, shape ``(len(blocks), )``.
        """
        if log_probs.requires_grad:
            log_probs.register_hook(self._keep_rewards)
        for block, log_prob in zip(blocks, log_probs.unbind()):
            block.gate = partial(self.gate, log_prob=log_prob)
        try:
            yield
        finally:
            for block in blocks:
                block.gate = None

    def _keep_rewards(self, grad: Tensor) -> None:
        self.block_rewards = grad.detach()
