from typing import Dict, List, Mapping, Optional

import numpy as np
import torch
import torch.nn as nn
from mmrazor.models.mutators import NasMutator
from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.options import checked_options
from mmdsnas.registry import MODELS
from ..mutables import OneHotMutableOP
from . import functional as F
from .checkpoints import prepare_state_dict
from .limited_child import LimitedChild
from .search_groups import check_search_space, resolve_custom_groups

Path = Dict[str, str]


@MODELS.register_module()
class DifferentiableMutator(NasMutator):
    """Owns ``alpha``, the draw of paths and the fixing of blocks.

    Blocks that share one ``alpha`` are a search group: those with the same
    alias, those listed together in ``custom_groups``, otherwise every block by
    itself. A path (and a child) is a dict from group name to candidate name.

    It subclasses MMRazor's ``NasMutator`` for the building of groups and for
    the names that its hooks and checkpoints use. ``sample_choices`` keeps
    MMRazor's meaning for differentiable search, the argmax; the random draw is
    :meth:`draw_path`.

    Args:
        custom_groups (list[list[str]], optional): Names or aliases of blocks
            that share one ``alpha``.
        init_mean (float): Mean of the initial ``alpha``. Defaults to 0.
        init_std (float): Its standard deviation. Defaults to 1e-3.
        fix_threshold (float, optional): Early fixing (section 3.4 of the
            paper, 0.3 there): :meth:`early_fix` fixes a group whose two
            largest probabilities differ by at least this much. None: off.
        init_cfg (dict, optional): See mmengine's ``BaseModule``.

    Raises:
        ConfigError: An option is out of range, or the groups do not fit the
            supernet.
    """

    @checked_options
    def __init__(
        self,
        custom_groups: Optional[List[List[str]]] = None,
        init_mean: float = 0.0,
        init_std: float = 1e-3,
        fix_threshold: Optional[float] = None,
        init_cfg: Optional[Dict] = None,
    ) -> None:
        super().__init__(custom_groups, init_cfg)
        self.init_mean = init_mean
        self.init_std = init_std
        self.fix_threshold = fix_threshold
        self._limited_child: Optional[LimitedChild] = None
        self._limits_mean = False

    def set_limits(
        self, costs: np.ndarray, limits: np.ndarray, mean: bool = False
    ) -> None:
        """Limits the cost of the child.

        Args:
            costs (np.ndarray): Costs of the candidates by measure, shape
                ``(num_limits, num_groups, max_choices)``.
            limits (np.ndarray): What the sum over a path, from the first group to
                the last, may be, shape ``(num_limits, )``.
            mean (bool): Whether :meth:`early_fix` keeps the mean cost of a path
                within the limits too.
        """
        self._limited_child = LimitedChild(costs, limits)
        self._limits_mean = mean

    # What there is to search

    def prepare_from_supernet(self, supernet: nn.Module) -> None:
        """Finds the blocks, groups them and creates ``alpha``.

        Args:
            supernet (nn.Module): The model to be searched.
        """
        check_search_space(supernet)
        groups = self._custom_groups
        self._custom_groups = resolve_custom_groups(supernet, groups)
        super().prepare_from_supernet(supernet)
        self._custom_groups = groups
        self._names = list(self.search_groups)
        self.prepare_arch_params()

    def prepare_arch_params(self) -> None:
        """Creates ``alpha`` and the record of what is fixed.

        Unlike MMRazor's it leaves the forward of the blocks alone.
        """
        self._arch_params = nn.ParameterDict()
        for name in self._names:
            alpha = torch.empty(len(self.choices(name)))
            self._arch_params[name] = nn.Parameter(
                alpha.normal_(self.init_mean, self.init_std)
            )
        # Index of the fixed candidate, -1 where none is.
        self.register_buffer('_fixed', torch.full((len(self._names),), -1))

    def choices(self, name: str) -> List[str]:
        """Names of the candidates of a group."""
        return self.search_groups[name][0].choices

    @property
    def fixed(self) -> Path:
        """The fixed groups and their candidates."""
        fixed = {n: self.search_groups[n][0].fixed_choice for n in self._names}
        return {name: c for name, c in fixed.items() if c is not None}

    @property
    def free(self) -> List[str]:
        """Names of the groups that are not fixed, in order."""
        fixed = self.fixed
        return [name for name in self._names if name not in fixed]

    @property
    def free_blocks(self) -> List[OneHotMutableOP]:
        """The blocks of the free groups, group by group."""
        return [block for n in self.free for block in self.search_groups[n]]

    # Distribution

    def probs(self, names: Optional[List[str]] = None) -> Tensor:
        """Probabilities of the candidates, differentiable.

        Args:
            names (list[str], optional): Groups; all by default.

        Returns:
            Tensor: Shape ``(len(names), max_choices)``, padding is 0; a fixed
            group has probability 1 at its candidate and no gradient.
        """
        fixed = self.fixed
        logits = []
        for name in self._names if names is None else names:
            alpha = self.arch_params[name]
            if name in fixed:
                chosen = self.choices(name).index(fixed[name])
                alpha = torch.full_like(alpha, float('-inf'))
                alpha[chosen] = 0.0
            logits.append(alpha)
        return F.pad_logits(logits).softmax(-1)

    def log_probs(self, names: List[str]) -> Tensor:
        """Log-probabilities of the candidates of free groups, differentiable.

        Args:
            names (list[str]): The groups.

        Returns:
            Tensor: Shape ``(len(names), max_choices)``, padding is minus infinity.
        """
        return F.pad_logits([self.arch_params[n] for n in names]).log_softmax(-1)

    # Paths

    @torch.no_grad()
    def draw_path(self, seed: int, iteration: int, rank: int, stream: int = 0) -> Path:
        """Draws a path: one candidate for each group, from its distribution.

        Args:
            seed (int): Seed of the run.
            iteration (int): Training iteration, from 0.
            rank (int): Rank of the process.
            stream (int): Draws for another purpose than training get another
                stream.

        Returns:
            dict[str, str]: Candidate by group, a function of ``alpha`` and
            the arguments alone; a fixed group has its fixed candidate.
        """
        path = self.fixed
        free = self.free
        if free:
            # The first copy from device to host; a second draw makes another one.
            probs = self.probs(free).cpu().numpy()
            # As many numbers as there are groups, whatever is fixed.
            uniform = F.uniforms(seed, iteration, rank, len(self._names), stream)
            used = [self._names.index(name) for name in free]
            for name, k in zip(free, F.draw(probs, uniform[used])):
                path[name] = self.choices(name)[k]
        return {name: path[name] for name in self._names}

    def sample_choices(self, kind: str = 'random') -> Path:
        """The argmax path; what MMRazor's hooks call to get the child.

        Args:
            kind (str): Ignored, as MMRazor does for blocks with ``alpha``.
        """
        return self.derive_child()

    @torch.no_grad()
    def derive_child(self) -> Path:
        """The most probable path within the limits.

        Without a limit in the way it is the argmax of each group, ties going to the
        first candidate. Validation, finetuning and export all take the child from
        here.

        Returns:
            dict[str, str]: Candidate by group.

        Raises:
            ConfigError: What is fixed leaves no path within the limits.
        """
        return {**self.child_of(self.state_dict()), **self.fixed}

    @torch.no_grad()
    def child_of(self, state_dict: Mapping[str, Tensor], prefix: str = '') -> Path:
        """The most probable path within the limits, of a checkpoint.

        Args:
            state_dict (Mapping[str, Tensor]): Has this mutator's parameters and
                buffers.
            prefix (str): What their names start with.

        Returns:
            dict[str, str]: Candidate by group; a fixed group has its fixed one.

        Raises:
            ConfigError: What is fixed leaves no path within the limits.
        """
        alphas = [state_dict[f'{prefix}_arch_params.{n}'] for n in self._names]
        logits, fixed = F.pad_logits(alphas), state_dict[f'{prefix}_fixed']
        if self._limited_child is not None:
            chosen = self._limited_child(logits, fixed)
        else:
            chosen = torch.where(fixed < 0, logits.argmax(-1), fixed).tolist()
        return {n: self.choices(n)[k] for n, k in zip(self._names, chosen)}

    @torch.no_grad()
    def confidence(self) -> Dict[str, float]:
        """Softmax of ``alpha`` at the child's candidate, by group.

        Unlike :meth:`probs` it keeps telling how clear the choice was when a
        group is fixed.
        """
        child = self.derive_child()
        logits = F.pad_logits([self.arch_params[name] for name in child])
        probs = logits.softmax(-1).tolist()
        return {
            name: row[self.choices(name).index(choice)]
            for row, (name, choice) in zip(probs, child.items())
        }

    # Fixing

    @torch.no_grad()
    def early_fix(self) -> Path:
        """Fixes the groups that are decided (see ``fix_threshold``).

        Where the child within the limits has another candidate than the argmax, the
        group stays free: what is fixed is always a part of a path within the limits.
        If the mean cost is limited too, so does a group that would bring it above a
        limit: what is left to be searched might have no way back.

        Returns:
            dict[str, str]: What was fixed now.
        """
        free = self.free
        if self.fix_threshold is None or not free:
            return {}
        probs = self.probs(free)
        decided = (F.margin(probs) >= self.fix_threshold).tolist()
        best, child = probs.argmax(-1).tolist(), self.derive_child()
        settled = {
            name: child[name]
            for name, done, k in zip(free, decided, best)
            if done and child[name] == self.choices(name)[k]
        }
        if self._limited_child is not None and self._limits_mean:
            group = {name: self._names.index(name) for name in settled}
            chosen = {g: self.choices(n).index(settled[n]) for n, g in group.items()}
            kept = self._limited_child.fixable(self.probs().cpu().numpy(), chosen)
            settled = {name: settled[name] for name, g in group.items() if g in kept}
        self.fix(settled)
        return settled

    def fix(self, path: Mapping[str, str]) -> None:
        """Fixes groups: only these candidates are executed from now on.

        Args:
            path (Mapping[str, str]): Candidate by group.

        Raises:
            ConfigError: A group or its candidate is unknown.
        """
        for name, choice in path.items():
            if name not in self._names:
                raise ConfigError(
                    f'{name!r} is no search group; there are {", ".join(self._names)}.'
                )
            self._set_fixed(name, choice)
            self._fixed[self._names.index(name)] = self.choices(name).index(choice)

    def freeze_losers(self) -> None:
        """Freezes the candidates that no path can have any more.

        They stay in the state dict. Only for good: once all groups are fixed.
        """
        for name in self.fixed:
            for block in self.search_groups[name]:
                block.freeze_losers()

    def _set_fixed(self, name: str, choice: Optional[str]) -> None:
        for block in self.search_groups[name]:
            block.fix_choice(choice)
        alpha = self.arch_params[name]
        alpha.requires_grad_(choice is None)
        # A gradient left from accumulation would move alpha once more.
        alpha.grad = None

    def _load_from_state_dict(self, state_dict, prefix, *args) -> None:
        choices = {name: self.choices(name) for name in self._names}
        prepare_state_dict(state_dict, prefix, self.arch_params, choices)
        super()._load_from_state_dict(state_dict, prefix, *args)
        for name, k in zip(self._names, self._fixed.tolist()):
            self._set_fixed(name, None if k < 0 else self.choices(name)[k])
