"""Estimators that execute a second candidate beside the sampled one, forward only."""

from contextlib import contextmanager
from typing import Any, Iterator

from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.registry import TASK_UTILS
from ..batch_norm import batch_norms, forward_only
from ..mutables import OneHotMutableOP, map_tensors, tensors_of
from ..mutables.functional import gate
from ..mutables.one_hot_mutable_op import Gate
from ..mutators.path_sample import PathSample
from .base import GateEstimator


@contextmanager
def input_kept(inputs: Any, choice: str) -> Iterator[None]:
    """Refuses a candidate, executed while it is open, that writes over its input.

    Raises:
        ConfigError: It did, and other candidates get the input too.
    """
    # torch counts the writes to a tensor.
    before = [tensor._version for tensor in tensors_of(inputs)]
    yield
    if [tensor._version for tensor in tensors_of(inputs)] != before:
        raise ConfigError(
            f'candidate {choice!r} of a block must not work in place on its input '
            'where model.gradient_estimator executes several candidates of a block, '
            'but does (inplace=True of its first operation?).'
        )


def comparing_gate(
    choice: str,
    other: str,
    score: Tensor,
    block: OneHotMutableOP,
    /,
    *args: Any,
    **kwargs: Any,
) -> Any:
    """Executes one candidate and, without a graph, another one beside it.

    The output of ``choice`` goes on; the score gets ``<dL/dy, y - y_other>``.
    """
    if other == choice:
        return block.execute(choice, *args, **kwargs)
    with input_kept((args, kwargs), choice):
        y = block.execute(choice, *args, **kwargs)
    layers = batch_norms(block.candidate(other))
    with input_kept((args, kwargs), other), forward_only(layers):
        y_other = block.execute(other, *args, **kwargs)
    return map_tensors(lambda a, b: gate(a, score, a.detach() - b), y, y_other)


@TASK_UTILS.register_module()
class CounterfactualGradient(GateEstimator):
    """What the loss would be with another candidate, to first order.

    Each block draws a second candidate ``j`` from the same distribution and computes
    its output for the same input, without a graph. ``alpha`` of the block gets
    ``<dL/dy, y_k - y_j> * (onehot(k) - onehot(j)) / 2``: the score function whose
    baseline is the linearised loss of ``j``, averaged over the order of the two
    draws, which takes out ``p``.

    A step executes one more candidate forward in each block where the two differ.
    Unlike the paper's reward this one does not vanish where the loss does not
    depend on the scale of the block's output.
    """

    def gates(self, sample: PathSample) -> list[Gate]:
        other = sample.other()
        scores = (sample.log_prob(sample.chosen) - sample.log_prob(other)) / 2
        return self.scored_gates(comparing_gate, sample, scores, other)


@TASK_UTILS.register_module()
class ProxylessGradient(GateEstimator):
    """Binary gates of ProxylessNAS (Cai et al., ICLR 2019, section 3.2).

    Each block has two paths, the sampled one ``k`` and another one ``j`` drawn from
    the rest of ``p``, whose output is computed without a graph. With ``q`` the
    softmax of the two logits, ``alpha_k`` gets ``q_k q_j (<dL/dy, y_k> -
    <dL/dy, y_j>)`` and ``alpha_j`` the negative of it.

    Not taken over: the draw of two paths without replacement, of which ``q`` makes one
    the active one (here it is drawn from ``p``, and the other from the rest); the
    rescaling of the two logits after a step, which keeps the other probabilities
    exactly where they were, and the alternation of weight steps and steps of ``alpha``
    on held-out batches (see ``HeldOutBatchHook``).
    """

    def gates(self, sample: PathSample) -> list[Gate]:
        other = sample.other(different=True)
        scores = (sample.log_prob(sample.chosen) - sample.log_prob(other)).sigmoid()
        return self.scored_gates(comparing_gate, sample, scores, other)
