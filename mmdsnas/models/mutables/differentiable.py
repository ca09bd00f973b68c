from functools import partial
from typing import Any

import torch.nn as nn
from mmrazor.models.mutables.mutable_module import DiffMutableModule
from torch import Tensor
from torch.distributions import Categorical

from mmdsnas.errors import ConfigError
from .functional import gate
from .outputs import map_tensors


class SampledModule(DiffMutableModule):
    """A block that draws its candidate itself: MMRazor's differentiable mutable.

    For a block that is used without an algorithm. It has ``execute``, a ``gate``,
    and a ``forward`` that takes ``arch_param``. The numbers come from torch's random
    numbers. In a search the mutator draws a path of all blocks instead.
    """

    def set_forward_args(self, arch_param: nn.Parameter) -> None:
        """Lets every forward pass draw a candidate, until a mutator takes over.

        Args:
            arch_param (nn.Parameter): ``alpha``, shape ``(num_choices, )``.

        Raises:
            ConfigError: It has another shape.
        """
        self.gate = self.drawing(arch_param)

    def forward_arch_param(
        self, x: Any, arch_param: Tensor, *args: Any, **kwargs: Any
    ) -> Any:
        """Draws a candidate and executes it; one that remained is not drawn.

        ``arch_param`` gets the paper's gradient, ``<dL/dy, y> * (onehot - p)``, in the
        backward pass. MMRazor's gets none there.

        Args:
            x (Any): First input of the candidates.
            arch_param (Tensor): ``alpha``, shape ``(num_choices, )``.
            *args (Any): Further inputs.
            **kwargs (Any): Further inputs by name.

        Returns:
            Any: Output of the candidate.

        Raises:
            ConfigError: ``arch_param`` has another shape.
        """
        return self(x, *args, arch_param=arch_param, **kwargs)

    def drawing(self, arch_param: Tensor) -> partial:
        """A gate that draws a candidate.

        Args:
            arch_param (Tensor): ``alpha``, shape ``(num_choices, )``.
        """
        if arch_param.shape != (self.num_choices,):
            raise ConfigError(
                'arch_param must have one number for each of '
                f'{", ".join(self.choices)}, but its shape is '
                f'{tuple(arch_param.shape)}.'
            )
        return partial(_draw_and_execute, arch_param)


def _draw_and_execute(
    arch_param: Tensor, block: SampledModule, /, *args: Any, **kwargs: Any
) -> Any:
    distribution = Categorical(logits=arch_param)
    index = distribution.sample()
    y = block.execute(block.choices[int(index)], *args, **kwargs)
    return map_tensors(partial(gate, score=distribution.log_prob(index)), y)
