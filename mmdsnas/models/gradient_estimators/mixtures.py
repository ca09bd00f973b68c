"""Estimators that execute all candidates of a block and mix their outputs."""

from functools import partial
from typing import Any

from torch import Tensor

from mmdsnas.registry import TASK_UTILS
from mmdsnas.utils.options import Positive, checked_options
from ..mutables import OneHotMutableOP, map_tensors
from ..mutables.functional import gate
from ..mutables.one_hot_mutable_op import Gate
from ..mutators.path_sample import PathSample
from .base import GateEstimator
from .counterfactual import input_kept
from .gumbel import GumbelEstimator


def mixing_gate(
    weights: Tensor, block: OneHotMutableOP, /, *args: Any, **kwargs: Any
) -> Any:
    """Executes all candidates of a block; gives the weighted sum of their outputs.

    There is one weight for each, and more if other blocks have more candidates.
    """
    outputs = []
    for choice in block.choices:
        with input_kept((args, kwargs), choice):
            outputs.append(block.execute(choice, *args, **kwargs))

    def mix(*parts: Tensor) -> Tensor:
        mixed = sum(weight.detach() * part for weight, part in zip(weights, parts))
        # The weights' gradients are inner products; those of a gate are exact in half
        # precision too.
        for weight, part in zip(weights, parts):
            mixed = gate(mixed, weight, part)
        return mixed

    return map_tensors(mix, *outputs)


@TASK_UTILS.register_module()
class DARTSGradient(GateEstimator):
    """All candidates, weighed by ``p`` (Liu et al., DARTS, ICLR 2019).

    The block's output is ``sum_k p_k y_k``, and ``alpha`` gets the gradient of the
    loss through ``p``: first order. A step takes time and memory for all candidates.
    DARTS steps ``alpha`` on held-out batches, which ``HeldOutBatchHook`` gives.
    """

    mixes = True

    def gates(self, sample: PathSample) -> list[Gate]:
        weights = sample.by_block(sample.log_probs.exp())
        return [partial(mixing_gate, row) for row in weights]


@TASK_UTILS.register_module()
class SNASGradient(GumbelEstimator):
    """All candidates, weighed by a soft sample (Xie et al., SNAS, ICLR 2019).

    The weights are ``softmax((log p + Gumbel noise) / temperature)``, a
    reparameterised sample; ``alpha`` gets the gradient through it.
    """

    mixes = True

    @checked_options
    def __init__(self, tau_start: Positive = 1.0, tau_end: Positive = 0.1) -> None:
        super().__init__(tau_start, tau_end)

    def gates(self, sample: PathSample) -> list[Gate]:
        weights = sample.by_block(self.soft_sample(sample))
        return [partial(mixing_gate, row) for row in weights]
