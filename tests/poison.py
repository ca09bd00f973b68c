"""Makes a run's numbers infinite or NaN, on purpose."""

import copy
from typing import Any, Iterable

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from mmdsnas.engine.hooks.utils import algorithm_of

KINDS = ('loss', 'reward', 'inputs')


class Poison(Hook):
    """Spoils some iterations, and keeps the state before and after each.

    Args:
        kind (str): What is not finite: the loss alone, by a constant that has no
            gradient; the gradient of ``alpha`` alone; or the inputs, and with them
            the statistics of BatchNorm and the rest.
        iterations (Iterable[int]): When, counted from 0.
        rank (int, optional): The only rank where it happens.
    """

    # After SearchStageHook, and after whatever looks at a finished iteration.
    priority = 'LOWEST'

    def __init__(self, kind: str, iterations: Iterable[int], rank: int = 0) -> None:
        self.kind = kind
        self.iterations = set(iterations)
        self.rank = rank
        self.states: list[dict[str, Any]] = []
        self.statistics: list[dict[str, torch.Tensor]] = []

    def before_train(self, runner) -> None:
        """Keeps the state before the first iteration."""
        self._keep(runner)

    def before_train_iter(self, runner, batch_idx, data_batch=None) -> None:
        """Spoils the iteration, where it is one of those."""
        self._undo = lambda: None
        if runner.iter not in self.iterations or get_rank() != self.rank:
            return
        algorithm = algorithm_of(runner)
        if self.kind == 'inputs':
            data_batch[0].fill_(float('nan'))
        elif self.kind == 'reward':
            alpha = next(iter(algorithm.mutator.arch_params.values()))
            self._undo = alpha.register_hook(lambda grad: grad * float('inf')).remove
        else:
            handle = algorithm.architecture.register_forward_hook(
                lambda module, args, losses: {
                    name: loss + float('inf') for name, loss in losses.items()
                }
            )
            self._undo = handle.remove

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Keeps the state after it."""
        self._undo()
        self._keep(runner)

    def _keep(self, runner) -> None:
        algorithm, optimizers = algorithm_of(runner), runner.optim_wrapper.state_dict()
        optimizers.pop('loss_scaler', None)
        state = dict(
            parameters={n: p.detach() for n, p in algorithm.named_parameters()},
            optimizers=optimizers,
        )
        self.states.append(copy.deepcopy(state))
        self.statistics.append(
            {n: b.clone() for n, b in algorithm.named_buffers() if 'running' in n}
        )
