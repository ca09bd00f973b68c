"""A model as it was, whatever is executed to look at it."""

import inspect
from contextlib import contextmanager
from typing import Any, Dict, Iterator, Optional, Tuple

import torch
import torch.nn as nn
from mmrazor.models.task_modules.estimators.counters.flops_params_counter import (
    is_supported_instance,
)
from torch import Tensor


@contextmanager
def untouched(model: nn.Module) -> Iterator[None]:
    """Eval mode, no graph; modes and other attributes are put back at the end.

    Inputs that are given by name come by place, where MMRazor's counters look.
    """
    # Those with other values too: what a forward notes would count in the next one.
    kept = [(module, dict(vars(module))) for module in model.modules()]
    handles = [
        module.register_forward_pre_hook(_by_place, with_kwargs=True)
        for module in model.modules()
        if is_supported_instance(module)
    ]
    try:
        model.eval()
        with torch.no_grad():
            yield
    finally:
        for handle in handles:
            handle.remove()
        for module, attributes in kept:
            # A weight with a graph is computed by each forward, and cannot be copied.
            computed = {k for k, v in attributes.items() if _has_graph(v)}
            computed = {k: v for k, v in vars(module).items() if k in computed}
            vars(module).clear()
            vars(module).update(attributes, **computed)


def _has_graph(value: Any) -> bool:
    return isinstance(value, Tensor) and not value.is_leaf


def _by_place(module: nn.Module, args: Tuple, kwargs: Dict) -> Optional[Tuple]:
    if not kwargs:
        return None
    given = inspect.signature(module.forward).bind(*args, **kwargs)
    return given.args, given.kwargs
