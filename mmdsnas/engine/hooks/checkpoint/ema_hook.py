from contextlib import contextmanager
from typing import Iterator

import torch
from mmengine.hooks import EMAHook as _EMAHook

from mmdsnas.models.batch_norm import average_statistics, batch_norms
from mmdsnas.registry import HOOKS

# What is not averaged: alpha, what is fixed, what their gradients depend on, and what
# the child learns.
SEARCHED = ('mutator.', 'cost_term.', 'gradient_estimator.', 'soft_labels.')


@HOOKS.register_module()
class EMAHook(_EMAHook):
    """mmengine's moving average of the weights, which leaves ``alpha`` alone.

    The averaged model always has the ``alpha`` and the fixed blocks of the search, and
    frozen candidates are not averaged. In a distributed run it has the statistics of
    BatchNorm that are the mean over the ranks. Options are those of mmengine's hook.
    """

    def before_train_epoch(self, runner) -> None:
        """Averages only what is trained in this epoch."""
        averaged = {n for n, p in self.src_model.named_parameters() if p.requires_grad}
        if self.ema_model.update_buffers:
            averaged.update(name for name, _ in self.src_model.named_buffers())
        averaged = {name for name in averaged if not name.startswith(SEARCHED)}
        # Labels may have been set, which each step copies.
        self._follow()
        own = self.ema_model.module.state_dict(keep_vars=True).items()
        self.ema_model.avg_parameters = {
            n: value for n, value in own if n in averaged and value.is_floating_point()
        }

    def after_train_epoch(self, runner) -> None:
        """Gives all ranks the mean of their averaged statistics."""
        if self.ema_model.update_buffers:
            average_statistics(batch_norms(self.ema_model.module))

    def before_save_checkpoint(self, runner, checkpoint: dict) -> None:
        """See the base class: the averaged weights become ``state_dict``."""
        self._follow()
        super().before_save_checkpoint(runner, checkpoint)

    def _swap_ema_parameters(self) -> None:
        # Before and after validations and tests.
        self._follow()
        super()._swap_ema_parameters()

    def restart(self) -> None:
        """Begins the averages anew, from the weights that the search has now."""
        self.ema_model.module.load_state_dict(self.src_model.state_dict())
        self.ema_model.steps.zero_()

    @torch.no_grad()
    def _follow(self) -> None:
        """Copies what is not averaged: it may have changed since the last step."""
        source, module = self.src_model.state_dict(), self.ema_model.module
        for name, value in module.state_dict().items():
            if value.shape != source[name].shape:
                # Labels, of which there are none before they are set.
                owner, _, last = name.rpartition('.')
                setattr(module.get_submodule(owner), last, source[name].clone())
            elif name not in self.ema_model.avg_parameters:
                value.copy_(source[name])


@contextmanager
def averaged_weights(runner) -> Iterator[None]:
    """While open, the model of a run with EMA has the averaged weights."""
    hooks = _hooks_of(runner)
    for hook in hooks:
        hook.before_val_epoch(runner)
    try:
        yield
    finally:
        for hook in hooks:
            hook.after_val_epoch(runner)


def restart_averages(runner) -> None:
    """Begins the averages of a run with EMA anew, see :meth:`EMAHook.restart`."""
    for hook in _hooks_of(runner):
        hook.restart()


def _hooks_of(runner) -> list[EMAHook]:
    return [hook for hook in runner.hooks if isinstance(hook, EMAHook)]
