"""The state of a model that is executed to look at it."""

import inspect
from contextlib import ExitStack, contextmanager
from typing import Iterator

import torch
import torch.nn as nn
from mmrazor.models.task_modules.estimators.counters.flops_params_counter import (
    is_supported_instance,
)
from torch import Tensor
from torch.nn.parameter import is_lazy


@contextmanager
def state_kept(model: nn.Module, attributes: bool = True) -> Iterator[None]:
    """While open, a model may be executed in any mode; its state is put back.

    That is the modes, the values of all buffers, also of those that a forward
    replaces, and what else modules have as attributes. Weights are left alone, as are
    buffers that have no shape yet or are not there yet.

    Args:
        model (nn.Module): The model.
        attributes (bool): Whether other attributes than the mode are put back.
    """
    kept = [
        (
            module,
            dict(vars(module)),
            {
                name: (buffer, None if buffer is None else buffer.detach().clone())
                for name, buffer in module._buffers.items()
                if not is_lazy(buffer)
            },
        )
        for module in model.modules()
    ]
    try:
        yield
    finally:
        for module, before, buffers in kept:
            now = vars(module)
            if attributes:
                # A weight with a graph is computed by each forward, and cannot be
                # copied.
                computed = {
                    name: now[name]
                    for name, value in before.items()
                    if isinstance(value, Tensor) and not value.is_leaf and name in now
                }
                now.clear()
                now.update(before, **computed)
            module.training = before['training']
            for name, (buffer, value) in buffers.items():
                module._buffers[name] = buffer
                if buffer is not None:
                    with torch.no_grad():
                        buffer.copy_(value)


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Eval mode, no graph; the state is put back at the end.

    Inputs that are given by name come by place, where MMRazor's counters look.
    """
    # All of it: what a forward notes would count in the next one.
    with state_kept(model), torch.no_grad(), ExitStack() as hooks:
        for module in filter(is_supported_instance, model.modules()):
            handle = module.register_forward_pre_hook(_by_place, with_kwargs=True)
            hooks.callback(handle.remove)
        model.eval()
        yield


def _by_place(module: nn.Module, args: tuple, kwargs: dict) -> tuple | None:
    if not kwargs:
        return None
    given = inspect.signature(module.forward).bind(*args, **kwargs)
    return given.args, given.kwargs
