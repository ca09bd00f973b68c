from itertools import count
from numbers import Number
from typing import Any

from mmengine.dist import get_rank
from mmengine.hooks import Hook

from mmdsnas.models.mutators import Stream
from mmdsnas.registry import HOOKS
from mmdsnas.utils.random_state import random_states_kept
from ...evaluation import evaluate
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

    def after_val_epoch(self, runner, metrics=None) -> None:
        """Evaluates, and tells the message hub, which LoggerHook reads."""
        hub, algorithm = runner.message_hub, algorithm_of(runner)
        # Logs repeat the last value of what is not updated.
        for name in [n for n in hub.log_scalars if n.startswith(PREFIX)]:
            del hub.log_scalars[name]
        if not algorithm.mutator.free:
            return
        # Not runner.iter, which would build the training data for runner.val().
        iterations = count(algorithm.iteration + 1)

        def val_step(batch: Any) -> Any:
            path = algorithm.mutator.draw_path(
                runner.seed, next(iterations), get_rank(), Stream.VALIDATION
            )
            with algorithm.executing(path):
                return runner.model.val_step(batch)

        # A data loader draws a seed for its workers.
        with random_states_kept(runner.seed):
            found = evaluate(val_step, runner.val_loop)
        for name, value in found.items():
            if isinstance(value, Number):
                hub.update_scalar(f'{PREFIX}{name}', value)
