from contextlib import contextmanager
from typing import Callable, Iterator, Mapping

import torch

from mmdsnas.errors import ConfigError
from .limited import LimitedAlgorithm


class ConstrainedAlgorithm(LimitedAlgorithm):
    """A search whose steps lead towards the limits of the child."""

    # Whether a step that keeps an adaptive limit is open.
    _constrained = False

    def cost_losses(self, path: Mapping[str, str], trains_alpha: bool) -> dict:
        """What is logged of the limits, or is their penalty."""
        term = self.cost_term
        if not term.limits:
            return {}
        if not trains_alpha:
            # 0 and not absent: logs repeat the last value of what is absent.
            zero = term.costs.new_zeros((), dtype=torch.get_default_dtype())
            return {'cost.loss': zero}
        if term.adaptive and torch.is_grad_enabled() and not self._constrained:
            # A distributed wrapper steps what it is given, without our train_step.
            raise ConfigError(
                "model.cost.limit with form='adaptive' must have a "
                'SearchOptimWrapperDict as optim_wrapper, which adds its gradient '
                'before each step, but the loss is computed for another one.'
            )
        return {'cost.loss': term(self.mutator.probs(), path)}

    @contextmanager
    def constrained_step(self) -> Iterator[Callable[[], None]]:
        """While open, losses are computed for a step that keeps an adaptive limit.

        ``SearchOptimWrapperDict`` opens it around the forward pass, and calls what it
        yields before the step: it adds the limit's part to ``alpha``'s gradients.
        """
        self._constrained = True
        try:
            yield self._add_constraint_grad
        finally:
            self._constrained = False

    def _add_constraint_grad(self) -> None:
        if self.cost_term.adaptive and self.searching and self.trains_alpha:
            alphas = list(self.mutator.arch_params.values())
            self.cost_term.add_constraint_grad(alphas, self.mutator.probs())
