from numbers import Number
from typing import Any, Dict, Optional

import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook
from mmengine.runner.amp import autocast

from mmdsnas.models.mutators import Stream
from mmdsnas.registry import HOOKS
from mmdsnas.utils.random_state import random_states_kept
from ..utils import algorithm_of

PREFIX = 'val/sampled/'


@HOOKS.register_module()
class SampledPathValHook(Hook):
    """Evaluates sampled paths after each validation of the child.

    Every batch of the validation data is run by a path of its own, drawn from
    the distribution as in training, with the running statistics of the
    supernet: the authors' evaluation of the supernet. It takes as long as the
    validation of the child, and leaves no trace in the training. The metrics
    are logged as ``sampled/<metric>`` beside those of the child. When nothing
    is left to be sampled there is nothing to do: the child was evaluated.
    """

    # After RecalibrateBNHook, which puts the supernet's statistics back, and
    # before EMAHook, which takes the validated weights out again.
    priority = 47

    @torch.no_grad()
    def after_val_epoch(
        self, runner, metrics: Optional[Dict[str, float]] = None
    ) -> None:
        """Evaluates, and tells the message hub, which LoggerHook reads."""
        hub = runner.message_hub
        # Logs repeat the last value of what is not updated.
        for name in [n for n in hub.log_scalars if n.startswith(PREFIX)]:
            del hub.log_scalars[name]
        if not algorithm_of(runner).mutator.free:
            return
        # A data loader draws a seed for its workers.
        with random_states_kept(runner.seed):
            found = self._evaluate(runner)
        for name, value in found.items():
            if isinstance(value, Number):
                hub.update_scalar(f'{PREFIX}{name}', value)

    def _evaluate(self, runner) -> Dict[str, Any]:
        algorithm, loop = algorithm_of(runner), runner.val_loop
        # runner.iter, which would build the training data for runner.val().
        iteration = algorithm.iteration + 1
        for i, batch in enumerate(loop.dataloader):
            path = algorithm.mutator.draw_path(
                runner.seed, iteration + i, get_rank(), Stream.VALIDATION
            )
            with algorithm.evaluating(path), autocast(enabled=loop.fp16):
                outputs = runner.model.val_step(batch)
            loop.evaluator.process(data_samples=outputs, data_batch=batch)
        return loop.evaluator.evaluate(len(loop.dataloader.dataset))
