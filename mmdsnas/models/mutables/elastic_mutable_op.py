from typing import Any, Iterator, Mapping, Sequence

import torch.nn as nn
from torch import Size, Tensor
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy
from torch.nn.utils import parametrize

from mmdsnas.errors import ConfigError
from mmdsnas.registry import MODELS
from .one_hot_mutable_op import OneHotMutableOP

# Normalization is each candidate's own: what it normalizes differs.
OWN = (_NormBase, nn.GroupNorm, nn.LayerNorm)
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
    index = []
    for dim, (large, small) in enumerate(zip(whole, part, strict=True)):
        start, rest = divmod(large - small, 2) if dim > 1 else (0, small > large)
        if rest or start < 0:
            raise ValueError(f'{tuple(part)} is no part of {tuple(whole)}')
        index.append(slice(start, start + small))
    return tuple(index)


class WeightPart(nn.Module):
    """The parametrization of a weight that is a part of another module's.

    Args:
        whole (nn.Module): Owner of the larger weight.
        name (str): Name of the weight in both modules.
        shape (Size): Shape of the part.
    """

    def __init__(self, whole: nn.Module, name: str, shape: Size) -> None:
        super().__init__()
        # In a tuple, so that it is no submodule a second time.
        self.whole, self.name = (whole,), name
        self.index = part_index(self.weight.shape, shape)

    @property
    def weight(self) -> nn.Parameter:
        """The larger weight."""
        return getattr(self.whole[0], self.name)

    def forward(self) -> Tensor:
        """The part; its gradient is one of the larger weight."""
        # A view would let initializers write each candidate's values into the others.
        return self.weight[self.index].clone()

    def right_inverse(self, value: Tensor) -> tuple[()]:
        """Nothing is stored: the part has no values of its own."""
        return ()


def weight_parts(module: nn.Module) -> Iterator[tuple[nn.Module, str, WeightPart]]:
    """The weights of a module that are parts of others: owner, name, and part."""
    for inner in list(module.modules()):
        if parametrize.is_parametrized(inner):
            for name, (part, *_) in list(inner.parametrizations.items()):
                if isinstance(part, WeightPart):
                    yield inner, name, part


@MODELS.register_module()
class ElasticMutableOP(OneHotMutableOP):
    """A block whose candidates share their weights (Cai et al. 2020, section 3.3).

    The first candidate owns the weights. Every weight of another one is a part of the
    weight with the same name in the first, if there is one: its first channels, and the
    centre of its kernels. So every step trains what all candidates have in common.
    Normalization layers are each candidate's own, as are the weights that the first one
    has no counterpart of.

    :meth:`fix_chosen` cuts the candidate out: it gets copies of its parts.

    Args:
        candidates (dict[str, dict] | nn.ModuleDict): See ``OneHotMutableOP``; the first
            one is the largest.
        **kwargs: See ``OneHotMutableOP``.

    Raises:
        ConfigError: A weight is no part of the first candidate's, or is lazy.

    Examples:
        >>> op = ElasticMutableOP(nn.ModuleDict(dict(
        ...     k5=nn.Conv2d(4, 4, 5, padding=2), k3=nn.Conv2d(4, 4, 3, padding=1))))
        >>> k3, k5 = op.candidate('k3').weight, op.candidate('k5').weight
        >>> torch.equal(k3, k5[..., 1:4, 1:4])
        True
    """

    def __init__(self, candidates: Any, *args: Any, **kwargs: Any) -> None:
        super().__init__(candidates, *args, **kwargs)
        self._owner, *others = self.choices
        # Indices of the shared weights in those of the first candidate, by name.
        self._shared: dict[str, dict[str, Index]] = {}
        owner = dict(self.candidate(self._owner).named_modules())
        for choice in others:
            self._shared[choice] = shared = {}
            for path, module in self.candidate(choice).named_modules():
                if path in owner and not isinstance(module, OWN):
                    shared.update(self._share(owner[path], module, choice, path))

    def _share(
        self, whole: nn.Module, module: nn.Module, choice: str, path: str
    ) -> Iterator[tuple[str, Index]]:
        for name, weight in list(module.named_parameters(recurse=False)):
            if module is whole or getattr(whole, name, None) is None:
                continue
            full_name = '.'.join(filter(None, (path, name)))
            if is_lazy(weight) or is_lazy(getattr(whole, name)):
                raise ConfigError(
                    'candidates of an ElasticMutableOP must have all sizes given, but '
                    f'{full_name} of candidate {choice} or {self._owner} is lazy.'
                )
            try:
                part = WeightPart(whole, name, weight.shape)
            except ValueError as error:
                raise ConfigError(
                    f'candidate {choice} of an ElasticMutableOP must have parts of the '
                    f'weights of the first candidate, {self._owner}, but {full_name} '
                    f'is none: {error}.'
                ) from error
            kind = type(module).__name__
            parametrize.register_parametrization(module, name, part)
            # By this name MMRazor finds what counts the module.
            type(module).__name__ = kind
            yield full_name, part.index

    def parameters_of(self, choice: str) -> list[nn.Parameter]:
        """See ``OneHotMutableOP``; what is shared is among them as a whole."""
        parts = [part.weight for _, _, part in weight_parts(self.candidate(choice))]
        return [*super().parameters_of(choice), *parts]

    def shared_weights(
        self, choice: str, state_dict: Mapping[str, Tensor], prefix: str
    ) -> dict[str, Tensor]:
        """See ``OneHotMutableOP``; the weights are copies."""
        head, found = f'{prefix}_candidates.', {}
        for name, index in self._shared.get(choice, {}).items():
            whole = state_dict.get(f'{head}{self._owner}.{name}')
            if whole is not None:
                found[f'{head}{choice}.{name}'] = whole.detach()[index].clone()
        return found

    def fix_chosen(self, chosen: str) -> None:
        """See ``OneHotMutableOP``; the candidate gets weights of its own."""
        super().fix_chosen(chosen)
        for module, name, part in weight_parts(self.candidate(chosen)):
            parametrize.remove_parametrizations(module, name)
            trained = part.weight.requires_grad
            weight = getattr(module, name).detach().clone()
            setattr(module, name, nn.Parameter(weight, trained))
