"""Modules that find their sizes when they are first executed."""

from contextlib import contextmanager
from typing import Iterator, Sequence

import torch
import torch.nn as nn
from torch.nn.parameter import is_lazy

from mmdsnas.errors import ConfigError
from mmdsnas.utils.foreign import telling
from .mutables import all_candidates, blocks_of
from .state import state_kept


def lazy_modules(model: nn.Module) -> list[str]:
    """Names of the modules with parameters or buffers without a shape."""
    return [
        name
        for name, module in model.named_modules()
        if any(map(is_lazy, (*module._parameters.values(), *module._buffers.values())))
    ]


def materialise(
    model: nn.Module, input_shape: Sequence[int] | None, option: str
) -> None:
    """Gives torch's lazy modules their parameters.

    One forward pass with all candidates of all blocks, in eval mode, before anything
    counts, copies or trains parameters; none where nothing is lazy. The shape of one
    input comes from ``option``, which messages name.

    Raises:
        ConfigError: The model does not accept the shape, or does not execute a lazy
            module.
    """
    lazy = lazy_modules(model)
    if not lazy:
        return
    if input_shape is None:
        raise ConfigError(
            f'{option} must be the shape of one input, e.g. (1, 3, 224, 224), for a '
            f'network with lazy modules such as {lazy[0]}, but is None.'
        )
    like = next(model.parameters())
    failing = (
        f'{option} must be a shape that the network accepts, which has the lazy module '
        f'{lazy[0]}, but with {tuple(input_shape)} its forward fails'
    )
    # Lazy modules become others, with attributes of their own.
    with state_kept(model, attributes=False), torch.no_grad():
        model.eval()
        with telling(failing), all_candidates(blocks_of(model)):
            model(torch.zeros(*input_shape, dtype=like.dtype, device=like.device))
    if left := lazy_modules(model):
        raise ConfigError(
            f'module {left[0]} must be executed by the forward of the network or have '
            'all its sizes given, but is lazy and not executed.'
        )


@contextmanager
def weights_all_there(model: nn.Module) -> Iterator[None]:
    """Refuses a model that gets parameters or buffers while it is executed.

    Raises:
        ConfigError: It does, at the end.
    """
    before = set(model.state_dict())
    yield
    late = [name for name in model.state_dict() if name not in before]
    if late:
        raise ConfigError(
            f'{late[0]} must be there before the network is executed, but is made in '
            "the forward of its module: make it in __init__, or by torch's lazy "
            'modules.'
        )
