from contextlib import contextmanager, nullcontext
from types import SimpleNamespace
from typing import Annotated, Any, Callable, Iterator, Literal

import torch
import torch.nn as nn
from mmengine.device import get_device
from mmengine.model import is_model_wrapper
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from pydantic import Field
from torch import Tensor
from torch.nn.utils import get_total_norm

from mmdsnas.errors import ConfigError
from mmdsnas.models import DSNAS
from mmdsnas.registry import OPTIM_WRAPPERS
from mmdsnas.utils.options import LARGEST, Fraction, Positive, checked_options

_Growth = Annotated[float, Field(gt=1, le=LARGEST)]
# torch keeps the number of steps in 32 bits.
_Interval = Annotated[int, Field(ge=1, le=2**31 - 1)]


@OPTIM_WRAPPERS.register_module()
class SearchOptimWrapperDict(OptimWrapperDict):
    """Optimizers of weights and ``alpha`` that share one backward pass.

    With the gates of DSNAS one backward pass fills the gradients of both, so that
    ``update_params`` has a meaning here, unlike in mmengine's ``OptimWrapperDict``, and
    mmengine's ``train_step`` serves as it is. Gradients are accumulated as the wrapper
    of the weights says.

    Args:
        amp (dict, optional): Mixed precision: ``dtype``, ``'bfloat16'`` or
            ``'float16'`` (by default float16 on CUDA, bfloat16 elsewhere), and optional
            arguments of ``torch.amp.GradScaler``, which float16 uses. None: off.
        **optim_wrappers (OptimWrapper): ``architecture`` and ``mutator``.

    Attributes:
        loss_factor (float | Tensor): What the last loss, and with it every
            gradient, was multiplied by: accumulation and loss scale.
        before_step (callable, optional): Called before each step, with complete and
            unscaled gradients: it adds the gradient of the search's constraints.
        only (str, optional): The one of them that moves its parameters; the
            gradients of the other are dropped. None: both do.
        skipped (bool, optional): Whether the last iteration's step was left out
            because a loss or a gradient was not finite. None: no step was due.

    Raises:
        ConfigError: The wrappers accumulate differently or one scales its loss by
            itself, or ``amp.dtype`` is unknown.
    """

    @checked_options
    def __init__(
        self, amp: dict[str, Any] | None = None, **optim_wrappers: OptimWrapper
    ) -> None:
        super().__init__(**optim_wrappers)
        if 'architecture' not in optim_wrappers:
            raise ConfigError(
                'optim_wrapper must have architecture, the optimizer of the weights, '
                f'but has {", ".join(optim_wrappers)}.'
            )
        self.lead = self.optim_wrappers['architecture']
        for name, wrapper in self.items():
            if type(wrapper) is AmpOptimWrapper:
                raise ConfigError(
                    f'optim_wrapper.{name}.type is AmpOptimWrapper, but weights and '
                    'alpha share one loss scaler; set optim_wrapper.amp = '
                    "dict(dtype='float16') instead."
                )
        counts = {name: wrapper._accumulative_counts for name, wrapper in self.items()}
        if len(set(counts.values())) > 1:
            given = ', '.join(f'{n} for {name}' for name, n in counts.items())
            raise ConfigError(
                'accumulative_counts must be the same for all optimizers, because they '
                f'share the backward pass, but is {given}.'
            )
        self.loss_factor: float | Tensor = 1.0
        self.before_step: Callable[[], None] | None = None
        self.only: str | None = None
        self.skipped: bool | None = None
        self.device_type = get_device().split(':')[0]
        self.amp_dtype: torch.dtype | None = None
        self.loss_scaler: torch.amp.GradScaler | None = None
        if amp is not None:
            self._set_up_amp(**amp)

    @checked_options
    def _set_up_amp(
        self,
        dtype: Literal['bfloat16', 'float16'] | None = None,
        init_scale: Positive = 2.0**16,
        growth_factor: _Growth = 2.0,
        backoff_factor: Fraction = 0.5,
        growth_interval: _Interval = 2000,
    ) -> None:
        if dtype is None:
            dtype = 'float16' if self.device_type == 'cuda' else 'bfloat16'
        self.amp_dtype = getattr(torch, dtype)
        if self.amp_dtype is torch.float16:
            options = init_scale, growth_factor, backoff_factor, growth_interval
            self.loss_scaler = torch.amp.GradScaler(self.device_type, *options)

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Mixed precision, and no gradient exchange while accumulating.

        A ``DSNAS`` as model, wrapped or not, gives ``before_step``.
        """
        autocast = nullcontext()
        if self.amp_dtype is not None:
            autocast = torch.autocast(self.device_type, dtype=self.amp_dtype)
        inner = model.module if is_model_wrapper(model) else model
        step = inner.constrained_step() if isinstance(inner, DSNAS) else nullcontext()
        with self.lead.optim_context(model), autocast, step as self.before_step:
            yield

    def update_params(
        self,
        loss: Tensor,
        step_kwargs: dict | None = None,
        zero_kwargs: dict | None = None,
    ) -> None:
        """One backward pass from the sum of all losses; a step where one is due.

        A loss that is not finite makes every gradient so, on every rank once they
        are exchanged: all ranks leave out the same step, without asking each other.
        """
        self.loss_factor = self.lead.scale_loss(1.0)
        # 0 where the loss is finite, else NaN: 0 * inf is.
        self.backward(loss * (self.loss_factor + 0 * loss.detach()))
        self.skipped = None
        if self.lead.should_update():
            self.step(**(step_kwargs or {}))
            self.zero_grad(**(zero_kwargs or {}))

    def backward(self, loss: Tensor, **kwargs) -> None:
        """Fills the gradients of weights and ``alpha``."""
        if self.loss_scaler is not None:
            loss = self.loss_scaler.scale(loss)
            factor = loss.new_full((), self.loss_factor)
            self.loss_factor = self.loss_scaler.scale(factor)
        self.lead.backward(loss, **kwargs)

    def step(self, **kwargs) -> None:
        """Steps all optimizers, or none if a gradient is not finite."""
        groups = [g for part in self.values() for g in part.optimizer.param_groups]
        if self.loss_scaler is None:
            grads = [p.grad for group in groups for p in group['params']]
            found = [grad for grad in grads if grad is not None]
            self.skipped = not get_total_norm(found).isfinite()
            if not self.skipped:
                self._step_all(**kwargs)
            return
        # As one optimizer: an overflow in any gradient stops all of them. The scaler
        # unscales before it steps, so that the wrappers clip what is unscaled.
        joint = SimpleNamespace(param_groups=groups, step=self._step_all)
        self.skipped = not self.loss_scaler.step(joint, **kwargs)
        self.loss_scaler.update()

    def _step_all(self, **kwargs) -> bool:
        if self.before_step is not None:
            self.before_step()
        for name, wrapper in self.items():
            if self.only not in (None, name):
                # Not left out: schedules warn of an optimizer that never stepped.
                wrapper.zero_grad()
            wrapper.step(**kwargs)
        return True

    def zero_grad(self, **kwargs) -> None:
        """Removes the gradients, so that what is not used gets no step."""
        for wrapper in self.values():
            wrapper.zero_grad(**kwargs)

    def initialize_count_status(
        self, model: nn.Module, init_counts: int, max_counts: int
    ) -> None:
        """See mmengine's ``OptimWrapper``."""
        # From 0: no gradient waits where a run starts, also where it is resumed.
        self.lead.initialize_count_status(model, 0, max_counts - init_counts)

    def forget_frozen(self) -> None:
        """Drops the states of parameters that are trained no more."""
        for wrapper in self.values():
            state = wrapper.optimizer.state
            for parameter in [p for p in state if not p.requires_grad]:
                del state[parameter]

    def state_dict(self) -> dict:
        """States of the optimizers, and of the loss scaler if there is one."""
        state = super().state_dict()
        if self.loss_scaler is not None:
            state['loss_scaler'] = self.loss_scaler.state_dict()
        return state

    def load_state_dict(self, state_dict: dict) -> None:
        """Loads what :meth:`state_dict` returned, with or without a scaler."""
        state = dict(state_dict)
        scaler = state.pop('loss_scaler', None)
        if scaler is not None and self.loss_scaler is not None:
            self.loss_scaler.load_state_dict(scaler)
        super().load_state_dict(state)
