from logging import WARNING
from typing import Any, Dict, Optional

import torch
import torch.nn as nn
from mmengine.logging import print_log
from mmrazor.models.algorithms import BaseAlgorithm

from mmdsnas.errors import ConfigError
from .losses import check_losses
from .stage import Stage


class StagedAlgorithm(BaseAlgorithm):
    """A search that knows where its run is: stage, iteration and seed.

    It has a ``mutator`` and a ``gradient_estimator``.

    Args:
        architecture (dict | BaseModel): The supernet.
        data_preprocessor (dict | nn.Module, optional): The architecture's by
            default.
        init_cfg (dict, optional): See mmengine's ``BaseModule``.
        pretrain_epochs (int): First epoch of the search stage.
        finetune_epochs (int): First epoch of the finetune stage.

    Attributes:
        stage (Stage, optional): Of the epoch that was entered.
        iteration (int): The training iteration. Nobody needs to tell it: it is
            counted until :meth:`begin_iteration` is called.
        seed (int): Seed of the run.

    Raises:
        ConfigError: The stages are in the wrong order.
    """

    def __init__(
        self,
        architecture,
        data_preprocessor: Optional[nn.Module],
        init_cfg: Optional[Dict],
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
        self.stage: Optional[Stage] = None
        self.iteration = 0
        self.seed = 0
        self._counts = True
        # The stage whose losses were looked at; their kind is the same in all of it.
        self._checked: Optional[Stage] = None

    def stage_of(self, epoch: int) -> Stage:
        """The stage that an epoch, counted from 0, belongs to."""
        return Stage.of(epoch, self.pretrain_epochs, self.finetune_epochs)

    @property
    def searching(self) -> bool:
        """Whether blocks are searched, in the epoch that was entered."""
        return self.stage is Stage.SEARCH and bool(self.mutator.free)

    @property
    def is_supernet(self) -> bool:
        """Whether a choice is left; MMRazor's hooks cut out the child then."""
        return bool(self.mutator.free)

    def begin_epoch(self, epoch: int) -> Dict[str, str]:
        """Enters an epoch; the one place where blocks are fixed and frozen.

        Args:
            epoch (int): Epoch that starts, from 0.

        Returns:
            dict[str, str]: What was fixed now, candidate by group.
        """
        self.stage = self.stage_of(epoch)
        if self.stage is Stage.SEARCH:
            last = max(self.finetune_epochs - self.pretrain_epochs - 1, 1)
            self.gradient_estimator.progress = (epoch - self.pretrain_epochs) / last
            return self.mutator.early_fix()
        if self.stage is Stage.FINETUNE:
            child = self.mutator.derive_child()
            settled = {name: child[name] for name in self.mutator.free}
            self.mutator.fix(settled)
            self.mutator.freeze_unselected()
            return settled
        return {}

    def begin_iteration(self, iteration: int, seed: int) -> None:
        """Tells what the next draw is a function of.

        Args:
            iteration (int): Training iteration, from 0.
            seed (int): Seed of the run.
        """
        self.iteration = iteration
        self.seed = seed
        self._counts = False

    def begin_forward(self) -> int:
        """The iteration of a forward pass in training, which nobody may have told.

        Without an epoch every iteration is one of the search stage, and nothing is
        fixed.
        """
        if self.stage is None:
            self.stage = Stage.SEARCH
            print_log(
                'Nothing tells DSNAS the epoch: it searches, and fixes nothing. In a '
                'run SearchStageHook tells it, in a loop of your own '
                'algorithm.begin_epoch(epoch).',
                'current',
                level=WARNING,
            )
        iteration = self.iteration
        self.iteration += self._counts
        return iteration

    def check_losses(self, losses: Any) -> None:
        """Looks at the losses of the architecture, before the first step of a stage.

        Args:
            losses (Any): What it returned.

        Raises:
            ConfigError: See :func:`.losses.check_losses`.
        """
        if self._checked is not None and self._checked is self.stage:
            return
        trains = self.training and torch.is_grad_enabled()
        check_losses(losses, trains)
        if trains:
            self._checked = self.stage
