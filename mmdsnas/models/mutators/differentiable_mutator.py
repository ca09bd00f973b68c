from typing import Annotated, Mapping, Sequence

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from mmdsnas.registry import MODELS
from mmdsnas.utils.options import Items, Text, checked_options
from . import functional as F
from .grouped_mutator import GroupedMutator, Path
from .most_probable import ConstrainedArgmax


@MODELS.register_module()
class DifferentiableMutator(GroupedMutator):
    """Owns ``alpha``, the draw of paths and the fixing of blocks.

    Blocks that share one ``alpha`` are a search group: those with the same
    alias, those listed together in ``custom_groups``, otherwise every block by
    itself. A path (and a child) is a dict from group name to candidate name.

    ``sample_choices`` keeps MMRazor's meaning for differentiable search, the
    argmax; the random draw is :meth:`draw_path`.

    Args:
        custom_groups (list[list[str]], optional): Aliases of blocks, or names of blocks
            without, that share one ``alpha``.
        init_mean (float): Mean of the initial ``alpha``. Defaults to 0.
        init_std (float): Its standard deviation. Defaults to 1e-3.
        fix_threshold (float, optional): Early fixing (section 3.4 of the
            paper, 0.3 there): :meth:`early_fix` fixes a group whose two
            largest probabilities differ by at least this much. None: off.
        init_cfg (dict, optional): See mmengine's ``BaseModule``.

    Attributes:
        limits (ConstrainedArgmax, optional): The limits on the cost of the child; None:
            it may cost what it does.

    Raises:
        ConfigError: An option is out of range, or the groups do not fit the
            supernet.
    """

    @checked_options
    def __init__(
        self,
        custom_groups: Sequence[Items[Text]] | None = None,
        init_mean: Annotated[float, Field(ge=-100, le=100)] = 0.0,
        init_std: Annotated[float, Field(ge=0, le=100)] = 1e-3,
        fix_threshold: Annotated[float, Field(gt=0, le=1)] | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(custom_groups, init_cfg)
        self.init_mean = init_mean
        self.init_std = init_std
        self.fix_threshold = fix_threshold
        self.limits: ConstrainedArgmax | None = None

    # Paths

    @torch.no_grad()
    def draw_path(self, seed: int, iteration: int, rank: int, stream: int = 0) -> Path:
        """Draws a path: one candidate for each group, from its distribution.

        Returns:
            dict[str, str]: Candidate by group, a function of ``alpha`` and the
            arguments alone, see ``uniforms``; a fixed group has its fixed candidate.
        """
        path = self.fixed
        if free := self.free:
            # The first copy from device to host; a second draw makes another one.
            probs = self.probs(free).cpu().numpy()
            # As many numbers as there are groups, whatever is fixed.
            uniform = F.uniforms(seed, iteration, rank, len(self._names), stream)
            used = [self._names.index(name) for name in free]
            for name, k in zip(free, F.draw(probs, uniform[used])):
                path[name] = self.choices(name)[k]
        return {name: path[name] for name in self._names}

    def sample_choices(self, kind: str = 'random') -> Path:
        """The child, for MMRazor's hooks; ``kind`` is ignored, as MMRazor does."""
        return self.derive_child()

    @torch.no_grad()
    def derive_child(self) -> Path:
        """The child: the most probable path within the limits.

        Without a limit in the way it is the argmax of each group, ties going to the
        first candidate.

        Raises:
            ConfigError: What is fixed leaves no path within the limits.
        """
        # MMRazor may have cut a child out of the blocks.
        groups = self.search_groups.items()
        cut = {
            name: blocks[0].choices[0] for name, blocks in groups if blocks[0].is_fixed
        }
        return {**self.child_of(self.state_dict()), **cut}

    @torch.no_grad()
    def child_of(self, state_dict: Mapping[str, Tensor], prefix: str = '') -> Path:
        """The child that :meth:`derive_child` would give with a checkpoint.

        Names of this mutator's parameters and buffers start with ``prefix`` in it.
        """
        alphas = [state_dict[f'{prefix}_arch_params.{n}'] for n in self._names]
        logits, fixed = F.pad_logits(alphas), state_dict[f'{prefix}_fixed']
        if self.limits is not None:
            chosen = self.limits(logits, fixed)
        else:
            chosen = torch.where(fixed < 0, logits.argmax(-1), fixed).tolist()
        return {n: self.choices(n)[k] for n, k in zip(self._names, chosen)}

    @torch.no_grad()
    def most_probable(self, number: int) -> list[Path]:
        """The most probable paths within the limits, the child first."""
        logits = F.pad_logits([self.arch_params[name] for name in self._names])
        limits = self.limits or ConstrainedArgmax(
            np.zeros((0, *logits.shape)), np.zeros(0)
        )
        return [
            {n: self.choices(n)[k] for n, k in zip(self._names, chosen)}
            for chosen in limits.ranked(logits, self._fixed, number)
        ]

    @torch.no_grad()
    def confidence(self) -> dict[str, float]:
        """Softmax of ``alpha`` at the candidates of the child, of fixed groups too."""
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
        So does a group that would bring a limited mean cost above its limit.

        Returns:
            dict[str, str]: What was fixed now.
        """
        free = self.free
        if self.fix_threshold is None or not free:
            return {}
        probs, child = self.probs(), self.derive_child()
        decided = (F.margin(probs) >= self.fix_threshold).tolist()
        settled = {
            g: k
            for g, (name, k) in enumerate(zip(child, probs.argmax(-1).tolist()))
            if name in free and decided[g] and child[name] == self.choices(name)[k]
        }
        groups = list(settled)
        if self.limits is not None and self.limits.mean:
            groups = self.limits.fixable(probs.cpu().numpy(), settled)
        fixed = {self._names[g]: child[self._names[g]] for g in groups}
        self.fix(fixed)
        return fixed
