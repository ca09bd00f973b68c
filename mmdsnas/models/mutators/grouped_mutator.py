from typing import Iterator, Mapping, Sequence

import torch
import torch.nn as nn
from mmrazor.models.mutators import NasMutator
from torch import Tensor

from mmdsnas.errors import CheckpointError, ConfigError
from ..mutables import blocks_of
from ..weights import why_unfit
from . import functional as F
from .search_groups import check_search_space, search_groups_of

Path = dict[str, str]


class GroupedMutator(NasMutator):
    """The search groups of a supernet, their ``alpha``, and what is fixed.

    It subclasses MMRazor's ``NasMutator`` for the names that its hooks and checkpoints
    use. Its arguments are those of ``DifferentiableMutator``.
    """

    init_mean: float
    init_std: float

    def is_prepared_for(self, supernet: nn.Module) -> bool:
        """Whether ``alpha`` is that of a supernet, with the candidates that it has."""
        groups = self._search_groups
        if groups is None:
            return False
        own = {block: self._choices[name] for name in groups for block in groups[name]}
        return own == {block: block.choices for block in blocks_of(supernet).values()}

    def prepare_from_supernet(self, supernet: nn.Module) -> None:
        """Finds the blocks, groups them and creates ``alpha``.

        Raises:
            ConfigError: The supernet cannot be searched, or the groups do not fit it.
        """
        check_search_space(supernet)
        self.mutable_units: list[nn.Module] = []
        self._search_groups = search_groups_of(supernet, self._custom_groups)
        self._names = list(self.search_groups)
        first = {name: blocks[0] for name, blocks in self.search_groups.items()}
        self._choices = {name: block.choices for name, block in first.items()}
        self._arch_params = nn.ParameterDict()
        for name, choices in self._choices.items():
            alpha = torch.empty(len(choices)).normal_(self.init_mean, self.init_std)
            self._arch_params[name] = nn.Parameter(alpha)
        # Index of the fixed candidate, -1 where none is; 0 where one remained. What
        # else depends on it, follows from it in _apply_fixed.
        remained = torch.tensor([block.is_fixed for block in first.values()])
        self.register_buffer('_fixed', remained.long() - 1)
        self._apply_fixed()

    def choices(self, name: str) -> list[str]:
        """Names of the candidates that a group has an ``alpha`` for."""
        return self._choices[name]

    @property
    def fixed(self) -> Path:
        """The fixed groups and their candidates."""
        return dict(self._fixed_path)

    @property
    def free(self) -> list[str]:
        """Names of the groups that are not fixed, in order."""
        return [name for name in self._names if name not in self._fixed_path]

    @property
    def open_choices(self) -> dict[str, list[str]]:
        """Candidates that a path may have, by group; a fixed group has one."""
        fixed = {name: [choice] for name, choice in self._fixed_path.items()}
        return {**self._choices, **fixed}

    def set_choices(self, choices: Path) -> None:
        """Lets every block that is not fixed execute its candidate of a path."""
        choices = {**choices, **self._fixed_path}
        for name, blocks in self.search_groups.items():
            for block in blocks:
                block.current_choice, block.gate = choices[name], None

    # Distribution

    def probs(self, names: list[str] | None = None) -> Tensor:
        """Probabilities of the candidates of groups, by default all; differentiable.

        Returns:
            Tensor: Shape ``(len(names), max_choices)``, padding is 0; a fixed
            group has probability 1 at its candidate and no gradient.
        """
        fixed, logits = self._fixed_path, []
        for name in self._names if names is None else names:
            alpha = self.arch_params[name]
            if name in fixed:
                chosen = self.choices(name).index(fixed[name])
                alpha = torch.full_like(alpha, float('-inf'))
                alpha[chosen] = 0.0
            logits.append(alpha)
        return F.pad_logits(logits).softmax(-1)

    def log_probs(self, names: list[str]) -> Tensor:
        """Log-probabilities of free groups, like ``probs``; padding is -infinity."""
        return F.pad_logits([self.arch_params[n] for n in names]).log_softmax(-1)

    @torch.no_grad()
    def set_logits(self, logits: Mapping[str, Sequence[float]]) -> None:
        """Sets ``alpha`` of groups to log-probabilities, up to a constant."""
        for name, values in logits.items():
            alpha = self.arch_params[name]
            alpha.copy_(torch.as_tensor(values).to(alpha))

    # Fixing

    def fix(self, path: Mapping[str, str]) -> None:
        """Fixes groups: only these candidates, by group, are executed from now on.

        Raises:
            ConfigError: A group or its candidate is unknown.
        """
        fixed = self._fixed.tolist()
        for name, choice in path.items():
            if choice not in self._choices.get(name, ()):
                raise ConfigError(
                    f'{choice!r} is no candidate of a search group {name!r}; there are '
                    f'{self._choices}.'
                )
            fixed[self._names.index(name)] = self.choices(name).index(choice)
        self._fixed.copy_(torch.tensor(fixed))
        self._apply_fixed()

    def freeze_unselected(self) -> None:
        """Freezes what no path executes any more, but leaves it in the state dict.

        Only for good: once all groups are fixed.
        """
        for parameter in self._unselected():
            parameter.requires_grad_(False)

    def _unselected(self) -> Iterator[nn.Parameter]:
        for name, choice in self._fixed_path.items():
            for block in self.search_groups[name]:
                # Candidates may share weights.
                used = set(block.parameters_of(choice))
                yield from (p for p in block.parameters() if p not in used)

    def _apply_fixed(self) -> None:
        """Lets alpha, blocks and gradients follow what ``_fixed`` says."""
        indices = zip(self._names, self._fixed.tolist())
        # On the host: to read the buffer waits for the device.
        self._fixed_path = {n: self.choices(n)[k] for n, k in indices if k >= 0}
        for name, alpha in self.arch_params.items():
            alpha.requires_grad_(name not in self._fixed_path)
        # A gradient left from accumulation would move what is fixed once more.
        for name, choice in self._fixed_path.items():
            self.arch_params[name].grad = None
            for block in self.search_groups[name]:
                block.current_choice, block.gate = choice, None
        for parameter in self._unselected():
            parameter.grad = None

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        self._prepare(state_dict, prefix)
        super()._load_from_state_dict(state_dict, prefix, *args)
        self._apply_fixed()

    def _prepare(self, state_dict: dict[str, Tensor], prefix: str) -> None:
        """Adapts what MMRazor saved and checks which groups are fixed.

        MMRazor has no record of what is fixed, and before its version 1.0.0 its groups
        were ``arch_params.0``, ... instead of ``_arch_params.module_0``, ... What does
        not fit stays as it is, for the usual report.
        """
        none = torch.full((len(self._names),), -1)
        fixed = state_dict.setdefault(f'{prefix}_fixed', none)
        if why_unfit(fixed, none) is None:
            for (name, choices), k in zip(self._choices.items(), fixed.tolist()):
                if not -1 <= k < len(choices):
                    raise CheckpointError(
                        f'{prefix}_fixed must be -1 or the index of one of the '
                        f'{len(choices)} candidates of {name}, but is {k}.'
                    )
        for i, (name, alpha) in enumerate(self.arch_params.items()):
            key, older = f'{prefix}_arch_params.{name}', f'{prefix}arch_params.{i}'
            if key not in state_dict and not why_unfit(state_dict.get(older), alpha):
                state_dict[key] = state_dict.pop(older)
            saved = state_dict.get(key)
            if why_unfit(saved, alpha) is None and not saved.isfinite().all():
                raise CheckpointError(f'{key} must be finite, but is {saved.tolist()}.')
