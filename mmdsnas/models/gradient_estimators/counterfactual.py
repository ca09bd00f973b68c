from functools import partial
from typing import Any, List

from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.registry import TASK_UTILS
from ..batch_norm import batch_norms, forward_only
from ..mutables import OneHotMutableOP, map_tensors, tensors_of
from ..mutables.functional import gate
from ..mutables.one_hot_mutable_op import Gate
from ..mutators.path_sample import PathSample
from .base import GateEstimator


def check_input_kept(inputs: Any, version: int, choice: str) -> None:
    """Refuses a candidate that wrote over the input which others get too.

    Args:
        inputs (Any): Inputs of a block.
        version (int): torch's count of the writes to it, before the candidate.
        choice (str): The candidate.

    Raises:
        ConfigError: It did.
    """
    if version_of(inputs) != version:
        raise ConfigError(
            f'candidate {choice!r} of a block must not work in place on its input '
            'where model.gradient_estimator executes several candidates of a block, '
            'but does (inplace=True of its first operation?).'
        )


def version_of(inputs: Any) -> int:
    """torch's count of the writes to a block's inputs."""
    return sum(tensor._version for tensor in tensors_of(inputs))


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

    Args:
        choice (str): The candidate whose output goes on.
        other (str): The one that it is compared with.
        score (Tensor): Gets ``<dL/dy, y - y_other>``, shape ``()``.
        block (OneHotMutableOP): The block.
        *args (Any): Its inputs.
        **kwargs (Any): And those that are given by name.
    """
    inputs = (args, kwargs)
    version = version_of(inputs)
    y = block.execute(choice, *args, **kwargs)
    if other == choice:
        return y
    check_input_kept(inputs, version, choice)
    with forward_only(batch_norms(block.candidate(other))):
        y_other = block.execute(other, *args, **kwargs)
    check_input_kept(inputs, version, other)
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

    def gates(self, sample: PathSample) -> List[Gate]:
        other = sample.other()
        scores = (sample.log_prob(sample.chosen) - sample.log_prob(other)) / 2
        return comparing_gates(self, sample, other, scores)


def comparing_gates(
    estimator: GateEstimator, sample: PathSample, other: List[int], scores: Tensor
) -> List[Gate]:
    """Gates that compare the sampled candidates with others.

    Args:
        estimator (GateEstimator): Keeps the rewards.
        sample (PathSample): What was drawn.
        other (list[int]): Index of the other candidate, by group.
        scores (Tensor): By group.

    Returns:
        list[callable]: By block.
    """
    scores = estimator.keep_rewards(sample.by_block(scores))
    return [
        partial(comparing_gate, choice, second, score)
        for choice, second, score in zip(
            sample.candidates(sample.chosen), sample.candidates(other), scores.unbind()
        )
    ]
