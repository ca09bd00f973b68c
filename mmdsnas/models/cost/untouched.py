"""A model as it was, whatever is executed to look at it."""

import inspect
from contextlib import ExitStack, contextmanager
from typing import Dict, Iterator, Optional, Tuple

import torch
import torch.nn as nn
from mmrazor.models.task_modules.estimators.counters.flops_params_counter import (
    is_supported_instance,
)

from ..state import state_kept


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Eval mode, no graph; the state is put back at the end, see :func:`state_kept`.

    Inputs that are given by name come by place, where MMRazor's counters look.
    """
    # All of it: what a forward notes would count in the next one.
    with state_kept(model), torch.no_grad(), ExitStack() as hooks:
        for module in filter(is_supported_instance, model.modules()):
            handle = module.register_forward_pre_hook(_by_place, with_kwargs=True)
            hooks.callback(handle.remove)
        model.eval()
        yield


def _by_place(module: nn.Module, args: Tuple, kwargs: Dict) -> Optional[Tuple]:
    if not kwargs:
        return None
    given = inspect.signature(module.forward).bind(*args, **kwargs)
    return given.args, given.kwargs
