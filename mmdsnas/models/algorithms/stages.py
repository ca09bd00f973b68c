from contextlib import contextmanager
from enum import Enum
from logging import WARNING
from typing import Any, Iterator, Mapping

import torch
import torch.nn as nn
from mmengine.logging import print_log
from mmrazor.models.algorithms import BaseAlgorithm
from torch import Tensor
from torch.utils._pytree import tree_map

from mmdsnas.errors import ConfigError
from mmdsnas.utils.words import shown


class Stage(Enum):
    """Stages of one run, see ``DSNAS``."""

    PRETRAIN = 'pretrain'
    SEARCH = 'search'
    FINETUNE = 'finetune'

    @classmethod
    def of(cls, epoch: int, pretrain_epochs: int, finetune_epochs: int) -> 'Stage':
        """The stage that an epoch, counted from 0, belongs to; see ``DSNAS``."""
        if epoch < pretrain_epochs:
            return cls.PRETRAIN
        return cls.SEARCH if epoch < finetune_epochs else cls.FINETUNE


class StagedAlgorithm(BaseAlgorithm):
    """A search: where its run is, and which path it evaluates.

    Arguments and parts, ``mutator`` and ``gradient_estimator``, are those of ``DSNAS``.

    Attributes:
        stage (Stage, optional): Of the epoch that was entered.
        iteration (int): The training iteration; counted here until :meth:`begin`
            tells it.
        seed (int): Seed of the run.
        trains_alpha (bool): Whether iterations of the search stage train ``alpha``.

    Raises:
        ConfigError: The stages are in the wrong order.
    """

    def __init__(
        self,
        architecture,
        data_preprocessor: nn.Module | None,
        init_cfg: dict | None,
        pretrain_epochs: int,
        finetune_epochs: int,
    ) -> None:
        if pretrain_epochs > finetune_epochs:
            raise ConfigError(
                'the pretrain stage comes before the finetune stage, but '
                f'pretrain_epochs is {pretrain_epochs} and finetune_epochs is '
                f'{finetune_epochs}.'
            )
        # MMRazor's search for `inplace` attributes finds nothing on torch 2
        # and is not needed: copy_overwritten_outputs looks at what is executed.
        super().__init__(architecture, data_preprocessor, init_cfg, module_inplace=True)
        self.pretrain_epochs = pretrain_epochs
        self.finetune_epochs = finetune_epochs
        self.stage: Stage | None = None
        self.iteration, self.seed, self.trains_alpha = 0, 0, True
        self._counts = True
        self._executed: Mapping[str, str] | None = None
        self._executed_size: int | None = None
        # The stage whose losses were looked at; their kind is the same in all of it.
        self._checked: Stage | None = None

    def stage_of(self, epoch: int) -> Stage:
        """The stage that an epoch, counted from 0, belongs to."""
        return Stage.of(epoch, self.pretrain_epochs, self.finetune_epochs)

    @property
    def searching(self) -> bool:
        """Whether blocks are searched, in the epoch that was entered."""
        searches = self.stage is Stage.SEARCH and self._executed is None
        return searches and self.is_supernet

    @property
    def is_supernet(self) -> bool:
        """Whether a choice is left; MMRazor's hooks cut out the child then."""
        return bool(self.mutator.free)

    def begin(
        self,
        *,
        epoch: int | None = None,
        iteration: int | None = None,
        seed: int | None = None,
        trains_alpha: bool | None = None,
    ) -> dict[str, str]:
        """Tells the algorithm where the run is; what is None stays as it was.

        Args:
            epoch (int, optional): The epoch that is entered, from 0. Here, and nowhere
                else, blocks are fixed and frozen.
            iteration (int, optional): The training iteration, from 0. Paths are
                functions of ``alpha``, the iteration, the seed and the rank.
            seed (int, optional): Seed of the run.
            trains_alpha (bool, optional): Whether the next iterations of the search
                stage train ``alpha``.

        Returns:
            dict[str, str]: What was fixed now, candidate by group.
        """
        if iteration is not None:
            self.iteration, self._counts = iteration, False
        if seed is not None:
            self.seed = seed
        if trains_alpha is not None:
            self.trains_alpha = trains_alpha
        return {} if epoch is None else self._enter(epoch)

    def _enter(self, epoch: int) -> dict[str, str]:
        self.stage, mutator = self.stage_of(epoch), self.mutator
        if self.stage is Stage.PRETRAIN:
            return {}
        if self.stage is Stage.SEARCH:
            last = max(self.finetune_epochs - self.pretrain_epochs - 1, 1)
            self.gradient_estimator.progress = (epoch - self.pretrain_epochs) / last
            return mutator.early_fix()
        child = self.confirmed_child() if mutator.free else {}
        settled = {name: child[name] for name in mutator.free}
        mutator.fix(settled)
        mutator.freeze_unselected()
        return settled

    def confirmed_child(self) -> dict[str, str]:
        """The child, candidate by group, that is to be fixed."""
        return self.mutator.derive_child()

    def next_iteration(self) -> int:
        """The iteration of a forward pass in training.

        Where no epoch was entered, it is one of the search stage, and nothing is fixed.
        """
        if self.stage is None:
            self.stage = Stage.SEARCH
            print_log(
                'Nothing tells DSNAS the epoch: it searches, and fixes nothing. In a '
                'run SearchStageHook tells it, in a loop of your own '
                'algorithm.begin(epoch=...).',
                'current',
                level=WARNING,
            )
        iteration = self.iteration
        self.iteration += self._counts
        return iteration

    def check_losses(self, losses: Any) -> None:
        """Calls the function of this name before the first step of a stage."""
        if self._checked is not None and self._checked is self.stage:
            return
        trains = self.training and torch.is_grad_enabled()
        check_losses(losses, trains)
        if trains:
            self._checked = self.stage

    # Evaluation

    @contextmanager
    def executing(
        self, path: Mapping[str, str], input_size: int | None = None
    ) -> Iterator[None]:
        """While open, a path is executed, in training mode too, whatever ``alpha``.

        Args:
            path (Mapping[str, str]): Candidate by group.
            input_size (int, optional): Edge that images are resized to; the child's by
                default, see ``input_sizes`` of ``DSNAS``.
        """
        self._executed, self._executed_size = path, input_size
        try:
            yield
        finally:
            self._executed = self._executed_size = None

    def given_path(self) -> Mapping[str, str] | None:
        """The path that is executed whatever ``alpha``; None if there is none."""
        return self.first_path() if self.trains_first else self._executed

    def set_evaluated(self) -> None:
        """Lets the blocks execute the child, or a path that is given."""
        self.mutator.set_choices(self.given_path() or self.mutator.derive_child())

    @property
    def trains_first(self) -> bool:
        """Whether the stage is one that trains the path of first candidates alone."""
        pretrains = self.stage is Stage.PRETRAIN and self._executed is None
        return pretrains and self.pretrain_path == 'first'

    def first_path(self) -> dict[str, str]:
        """The path of first candidates, in groups that are not fixed."""
        mutator = self.mutator
        first = {name: mutator.choices(name)[0] for name in mutator.search_groups}
        return {**first, **mutator.fixed}

    def _forward(self, inputs, data_samples=None):
        """Output of the child, see mmengine's ``mode='tensor'``."""
        self.set_evaluated()
        return super()._forward(self.resized(inputs), data_samples)

    def _predict(self, inputs, data_samples=None):
        """Predictions of the child, see mmengine's ``mode='predict'``."""
        self.set_evaluated()
        return super()._predict(self.resized(inputs), data_samples)


def check_losses(losses: Any, trains: bool) -> None:
    """Refuses losses that mmengine could not add up, or that should train and do not.

    Raises:
        ConfigError: They are no dict of tensors, or of lists of these; none of the
            names has ``loss`` in it; or none of those that have has a gradient.
    """
    lists = {}
    if isinstance(losses, Mapping):
        lists = {n: v if isinstance(v, list) else [v] for n, v in losses.items()}
    counted = {name: parts for name, parts in lists.items() if 'loss' in str(name)}
    fit = [
        isinstance(part, Tensor) and part.is_floating_point()
        for parts in lists.values()
        for part in parts or [None]
    ]
    if not counted or not all(fit):
        raise ConfigError(
            'model.architecture must return a dict of floating tensors, or lists of '
            'them, with "loss" in the names of those that mmengine adds up, but '
            f'returns {shown(tree_map(_kind, losses))}.'
        )
    parts = [part for parts in counted.values() for part in parts]
    if trains and not any(part.requires_grad for part in parts):
        raise ConfigError(
            'model.architecture must return losses with a gradient, but '
            f'{shown(list(counted))} has none: it depends on no weight that is '
            'trained, or was detached.'
        )


def _kind(value: Any) -> str:
    return str(value.dtype if isinstance(value, Tensor) else type(value).__name__)
