from contextlib import contextmanager
from enum import IntEnum
from functools import cached_property
from typing import Iterator, Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from ..mutables import OneHotMutableOP
from . import functional as F


class Stream(IntEnum):
    """Random numbers of one iteration, by what they are for."""

    PATH = 0
    VALIDATION = 1
    OTHER_PATH = 2
    GUMBEL = 3
    SELECTION = 4


class PathSample:
    """What was drawn in one iteration for the groups that are still searched.

    A gradient estimator gets one and sees nothing else of the search. All numbers are
    functions of ``key`` and ``alpha``.

    Args:
        mutator (DifferentiableMutator): Owner of ``alpha``.
        path (Mapping[str, str]): The sampled path, candidate by group.
        key (Sequence[int]): Seed, iteration and rank.

    Attributes:
        groups (list[list[OneHotMutableOP]]): The blocks of each searched group.
        blocks (list[OneHotMutableOP]): The same, group by group.
        chosen (list[int]): Index of each group's sampled candidate.
        whole (list[int]): The same of all groups, those that are fixed included.
        places (list[int]): Which of all groups are searched.
        log_probs (Tensor): ``log p`` with its graph, shape
            ``(num_groups, max_choices)``, padding is minus infinity.
    """

    def __init__(
        self, mutator, path: Mapping[str, str], key: Sequence[int] = (0, 0, 0)
    ) -> None:
        free = mutator.free
        self.groups: list[list[OneHotMutableOP]] = [
            mutator.search_groups[name] for name in free
        ]
        self.blocks = [block for members in self.groups for block in members]
        names = list(mutator.search_groups)
        self.whole = [mutator.choices(n).index(path[n]) for n in names]
        self.places = [names.index(name) for name in free]
        self.chosen = [self.whole[place] for place in self.places]
        self.log_probs = mutator.log_probs(free)
        self._key = key
        self._group_of_block = [i for i, g in enumerate(self.groups) for _ in g]

    @cached_property
    def probs(self) -> np.ndarray:
        """``p`` on the host, float64, shape ``(num_groups, max_choices)``."""
        return self.log_probs.detach().exp().cpu().double().numpy()

    def log_prob(self, chosen: Sequence[int]) -> Tensor:
        """Log-probability of a candidate of each group, with its graph."""
        index = torch.tensor(chosen).to(self.log_probs.device, non_blocking=True)
        return self.log_probs.gather(1, index[:, None]).squeeze(1)

    def by_block(self, values: Tensor) -> Tensor:
        """Repeats what groups have for each of their blocks, whose gradients add up.

        From shape ``(num_groups, ...)`` it becomes ``(num_blocks, ...)``.
        """
        if len(self.blocks) == len(self.groups):
            return values
        index = torch.tensor(self._group_of_block)
        return values[index.to(values.device, non_blocking=True)]

    def candidates(self, chosen: Sequence[int]) -> list[str]:
        """Names of candidates by block, from their indices by group."""
        pairs = zip(self.blocks, self._group_of_block)
        return [block.choices[chosen[group]] for block, group in pairs]

    @contextmanager
    def executing(self, chosen: Sequence[int]) -> Iterator[None]:
        """While open, other candidates are executed than the sampled ones."""
        self._execute(chosen)
        try:
            yield
        finally:
            self._execute(self.chosen)

    def _execute(self, chosen: Sequence[int]) -> None:
        for block, choice in zip(self.blocks, self.candidates(chosen)):
            block.current_choice = choice

    def other(self, different: bool = False) -> list[int]:
        """A second draw, the same in every call, independent of the sampled path.

        A ``different`` one is from ``p`` without the sampled candidates: it differs in
        every group that has two candidates or more.
        """
        probs = self.probs
        if different:
            probs = probs.copy()
            rows = np.arange(len(probs))
            probs[rows, self.chosen] = 0
            lost = probs.sum(1) == 0
            probs[lost] = self.probs[lost]
        return F.draw(probs, self._uniforms(Stream.OTHER_PATH, 1)[:, 0])

    def gumbels(self) -> Tensor:
        """Gumbel noise with which the sampled candidates win.

        ``log p + noise`` is largest at the sampled candidate of each group; over
        paths drawn from ``p`` the noise is standard Gumbel noise. It has no graph.
        """
        uniform = self._uniforms(Stream.GUMBEL, self.log_probs.shape[1])
        noise = F.winning_gumbels(self.probs, self.chosen, uniform)
        return torch.from_numpy(noise).to(self.log_probs)

    def _uniforms(self, stream: Stream, num: int) -> np.ndarray:
        numbers = F.uniforms(*self._key, len(self.groups) * num, stream)
        return numbers.reshape(len(self.groups), num)
