"""Weights of another form than a model's own, wherever they are loaded."""

from functools import partial
from typing import Any, Callable, Mapping

import torch.nn as nn
from mmengine.logging import print_log
from torch import Tensor

from mmdsnas.utils.config_values import type_name, values_in
from .weights import why_unfit

# Gets a module, a state dict, which it changes, and what the module's names start with.
Conversion = Callable[[nn.Module, dict[str, Any], str], None]


def convert_when_loaded(module: nn.Module, convert: Conversion) -> None:
    """Lets a module change a state dict before anything is loaded from it."""
    module._register_load_state_dict_pre_hook(partial(_hook, convert), with_module=True)
    module.weight_conversions = (*getattr(module, 'weight_conversions', ()), convert)


def _hook(
    convert: Conversion, module: nn.Module, weights: dict, prefix: str, *_: Any
) -> None:
    convert(module, weights, prefix)


def converted(model: nn.Module, weights: Mapping[str, Any]) -> dict[str, Any]:
    """Weights as the modules of a model change them when they are loaded."""
    weights = dict(weights)
    for name, module in model.named_modules():
        for convert in getattr(module, 'weight_conversions', ()):
            convert(module, weights, f'{name}.' if name else '')
    return weights


def is_initialized(module: nn.Module) -> bool:
    """Whether mmengine's ``init_weights`` is at work, which loads by ``init_cfg``."""
    return hasattr(module, '_params_init_info')


def given_by_init_cfg(model: nn.Module) -> list[str]:
    """What the names of weights begin with that ``init_cfg`` loads from a file."""
    return [
        f'{name}.' if name else ''
        for name, module in model.named_modules()
        if any(
            type_name(part).startswith('Pretrained')
            for part in values_in(getattr(module, 'init_cfg', None))
        )
    ]


def keep_head_of_other_classes(model: nn.Module) -> None:
    """Lets a classifier keep its new head where ``init_cfg`` has other classes."""
    if isinstance(getattr(model, 'head', None), nn.Module):
        convert_when_loaded(model.head, _keep_if_initialized)


def with_own_head(
    model: nn.Module, weights: Mapping[str, Any], prefix: str = ''
) -> dict[str, Any]:
    """Weights of a classifier with the model's own head if their classes are others.

    ``prefix`` is what the classifier's names begin with in the weights.
    """
    weights, head = dict(weights), getattr(model, 'head', None)
    if isinstance(head, nn.Module):
        _keep_own(head, weights, f'{prefix}head.')
    return weights


def _keep_if_initialized(head: nn.Module, weights: dict[str, Any], prefix: str) -> None:
    if is_initialized(head):
        _keep_own(head, weights, prefix)


def _keep_own(head: nn.Module, weights: dict[str, Any], prefix: str) -> None:
    own = head.state_dict(prefix=prefix)
    others = [
        key
        for key, value in own.items()
        if key in weights and _differs_in_classes(weights[key], value)
    ]
    # All of a layer: its weight must not meet a bias of other classes.
    layers = {_layer_of(key) for key in others}
    anew = [key for key in own if _layer_of(key) in layers]
    given = (key for key in anew if key in weights and key not in others)
    # What is damaged besides is left to those who refuse it.
    if not others or any(why_unfit(weights[key], own[key]) for key in given):
        return
    key = others[0]
    print_log(
        f'The head is made anew: the checkpoint has {len(weights[key])} classes, the '
        f'model {len(own[key])} ({", ".join(anew)}).',
        'current',
    )
    weights.update((key, own[key]) for key in anew)


def _layer_of(key: str) -> str:
    return key.rpartition('.')[0]


def _differs_in_classes(value: Any, like: Tensor) -> bool:
    is_fit = isinstance(value, Tensor) and value.dim() == like.dim() > 0
    return is_fit and value.shape[1:] == like.shape[1:] and len(value) != len(like)
