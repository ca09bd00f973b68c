from typing import Any, Mapping

import torch
import torch.nn as nn
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.parameter import is_lazy

from mmdsnas.errors import ConfigError
from mmdsnas.registry import MODELS
from mmdsnas.utils.options import checked_options
from .one_hot_mutable_op import Candidates, OneHotMutableOP
from .weight_parts import (
    Index,
    WeightPart,
    part_index,
    share,
    unshare,
    weight_parts,
)

# Normalization is each candidate's own: what it normalizes differs.
OWN = (_NormBase, nn.GroupNorm, nn.LayerNorm)


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

    @checked_options
    def __init__(self, candidates: Candidates, *args: Any, **kwargs: Any) -> None:
        super().__init__(candidates, *args, **kwargs)
        self._owner, *others = self.choices
        # Indices of the shared weights in those of the first candidate, by name.
        self._shared: dict[str, dict[str, Index]] = {}
        owner = dict(self.candidate(self._owner).named_modules())
        for choice in others:
            self._shared[choice] = shared = {}
            for path, module in self.candidate(choice).named_modules():
                whole = owner.get(path, module)
                is_own = isinstance(module, OWN) or isinstance(whole, OWN)
                if whole is not module and not is_own:
                    parts = self._parts(whole, module, f'{choice}.{path}'.strip('.'))
                    for name, part in parts.items():
                        shared[f'{path}.{name}'.strip('.')] = part.index
                    if parts:
                        share(module, parts)

    def _parts(
        self, whole: nn.Module, module: nn.Module, place: str
    ) -> dict[str, WeightPart]:
        """Parts of a module's weights that a module of another candidate has."""
        parts = {}
        for name, weight in module.named_parameters(recurse=False):
            larger = whole._parameters.get(name)
            if larger is None:
                continue
            if is_lazy(weight) or is_lazy(larger):
                raise ConfigError(
                    'candidates of an ElasticMutableOP must have all sizes given, but '
                    f'{place}.{name}, or that of {self._owner}, is lazy.'
                )
            try:
                parts[name] = WeightPart(whole, name, weight.shape)
            except ValueError as error:
                raise ConfigError(
                    'candidates of an ElasticMutableOP must have parts of the weights '
                    f'of the first one, {self._owner}, but {place}.{name} is none: '
                    f'{error}.'
                ) from error
        return parts

    @torch.no_grad()
    def inherit_normalization(self) -> None:
        """Gives smaller candidates what the first one normalizes by.

        Where the first one was trained alone, theirs fits other weights than they have.
        Layers stay that the first one has no counterpart of.
        """
        owner = dict(self.candidate(self._owner).named_modules())
        for choice in self.choices[1:]:
            for path, module in self.candidate(choice).named_modules():
                whole = owner.get(path)
                if not isinstance(module, OWN) or type(whole) is not type(module):
                    continue
                larger = whole.state_dict()
                for name, own in module.state_dict().items():
                    like = larger.get(name, own)
                    if all(n <= m for n, m in zip(own.shape, like.shape)):
                        own.copy_(like[part_index(like.shape, own.shape)])

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
        unshare(self.candidate(chosen))
