"""Weights that are parts of other modules' weights."""

from functools import cache, partial
from typing import Any, Iterator, Mapping, Sequence

import torch
import torch.nn as nn
from torch import Size, Tensor

Index = tuple[slice, ...]


def part_index(whole: Sequence[int], part: Sequence[int]) -> Index:
    """Where a weight lies in a larger one: the first channels, the centre of a kernel.

    Args:
        whole (Sequence[int]): Shape of the larger weight: channels first, at most two
            dimensions of them, then those of a kernel.
        part (Sequence[int]): Shape of the smaller one.

    Raises:
        ValueError: It has none: another number of dimensions, one that is larger, or a
            kernel that lies in the centre of no other.

    Examples:
        >>> part_index(Size([8, 4, 5, 5]), Size([6, 4, 3, 3]))
        (slice(0, 6, None), slice(0, 4, None), slice(1, 4, None), slice(1, 4, None))
    """
    less = [large - small for large, small in zip(whole, part)]
    centred = all(n % 2 == 0 for n in less[2:])
    if len(whole) != len(part) or not centred or any(n < 0 for n in less):
        raise ValueError(f'{tuple(part)} is no part of {tuple(whole)}')
    starts = [n // 2 if dim > 1 else 0 for dim, n in enumerate(less)]
    return tuple(slice(start, start + size) for start, size in zip(starts, part))


class WeightPart:
    """A part of a weight, computed whenever it is asked for.

    Args:
        whole (nn.Module): Owner of the larger weight.
        name (str): Name of the weight in it.
        shape (Size): Shape of the part.

    Raises:
        ValueError: See :func:`part_index`.
    """

    def __init__(self, whole: nn.Module, name: str, shape: Size) -> None:
        self.whole, self.name = whole, name
        self.index = part_index(self.weight.shape, shape)

    @property
    def weight(self) -> nn.Parameter:
        """The larger weight."""
        return getattr(self.whole, self.name)

    def __call__(self) -> Tensor:
        """The part; its gradient is one of the larger weight."""
        # What traces a network takes no constant that requires a gradient.
        whole = self.weight if torch.is_grad_enabled() else self.weight.detach()
        # A view would let initializers write each candidate's values into the others.
        return whole[self.index].clone()


def share(module: nn.Module, parts: Mapping[str, WeightPart]) -> None:
    """Lets parts stand in place of parameters of a module, by their names.

    The module gets a subclass of its class, since what is an attribute of a class is
    copied with a module. torch's parametrizations do the same, but copies have one
    class there, and lose their weights when one of them gets its own back.
    """
    for name in parts:
        delattr(module, name)
    module._weight_parts = dict(parts)
    module.__class__ = _sharing(type(module), tuple(parts))


def unshare(module: nn.Module) -> None:
    """Gives all modules inside a module parameters of their own in place of parts."""
    for inner in module.modules():
        parts = inner.__dict__.pop('_weight_parts', None)
        if parts is not None:
            inner.__class__ = type(inner).__bases__[0]
            for name, part in parts.items():
                weight = nn.Parameter(part().detach(), part.weight.requires_grad)
                inner.register_parameter(name, weight)


def weight_parts(module: nn.Module) -> Iterator[tuple[nn.Module, str, WeightPart]]:
    """The weights inside a module that are parts of others: owner, name, and part."""
    for inner in module.modules():
        for name, part in inner.__dict__.get('_weight_parts', {}).items():
            yield inner, name, part


@cache
def _sharing(base: type[nn.Module], names: tuple[str, ...]) -> type[nn.Module]:
    """A subclass, of the same name, by which MMRazor finds what counts a module."""
    properties = {name: property(partial(_computed, name)) for name in names}
    # A class that is made here has no name by which it could be pickled.
    return type(base.__name__, (base,), {**properties, '__reduce__': _reduced})


def _computed(name: str, module: nn.Module) -> Tensor:
    return module._weight_parts[name]()


def _reduced(module: nn.Module) -> tuple[Any, ...]:
    made_of = type(module).__bases__[0], tuple(module._weight_parts)
    return _empty, made_of, module.__dict__


def _empty(base: type[nn.Module], names: tuple[str, ...]) -> nn.Module:
    cls = _sharing(base, names)
    return cls.__new__(cls)
