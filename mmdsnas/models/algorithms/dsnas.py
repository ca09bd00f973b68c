from contextlib import contextmanager
from functools import partial
from typing import Dict, Iterator, List, Mapping, Optional, Union

import torch
import torch.nn as nn
from mmengine.dist import get_rank
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement
from mmrazor.models.algorithms import BaseAlgorithm
from mmrazor.registry.registry import build_razor_model_from_cfg
from torch import Tensor

from mmdsnas.errors import ConfigError
from mmdsnas.options import checked_options, stages_problem
from mmdsnas.registry import MODELS, TASK_UTILS
from ..batch_norm import batch_norms, statistics_kept
from ..cost import CostTerm
from ..lazy import materialise, weights_all_there
from ..mutables import copy_overwritten_outputs
from ..mutators import DifferentiableMutator, Draw
from .losses import check_losses
from .stage import Stage


@MODELS.register_module()
class DSNAS(BaseAlgorithm):
    """DSNAS (Hu et al., CVPR 2020): search and training in one run.

    ===========  ==========================  ==================  =============
    stage        epochs                      weights             alpha
    ===========  ==========================  ==================  =============
    pretrain     ``[0, pretrain_epochs)``    of sampled paths    untouched
    search       up to ``finetune_epochs``   of sampled paths    trained
    finetune     up to the end               of the child only   fixed
    ===========  ==========================  ==================  =============

    Every training iteration executes one path, drawn per rank. With the gates
    of the gradient estimator behind the blocks, one backward pass of the loss
    fills the gradients of weights and ``alpha``, so that mmengine's own
    ``train_step`` and its own distributed wrapper serve as they are.
    Evaluation runs the most probable path, the child, unless :meth:`evaluating`
    names another one.

    ``SearchStageHook`` tells the algorithm the epoch and the iteration;
    ``HeldOutBatchHook`` sets ``trains_alpha``, whether the search stage's next
    iteration trains ``alpha`` (by default all do).

    Args:
        architecture (dict | BaseModel): The supernet: a model whose
            searchable blocks are ``OneHotMutableOP``.
        mutator (dict | DifferentiableMutator): Owner of ``alpha``.
        pretrain_epochs (int): First epoch of the search stage.
        finetune_epochs (int): First epoch of the finetune stage.
        resource_estimator (dict): Measures the cost table, see
            ``ResourceEstimator``; its ``input_shape`` is that of one image.
        cost (dict, optional): Arguments of ``CostTerm``: ``limit`` (MFLOPs, or a
            dict of several limits), ``weight``, ``form``, ``count_fixed_part``.
            None: no limit. The child is always within the limit.
        gradient_estimator (dict): How ``alpha`` gets its gradient.
        share_path (bool): Whether all ranks draw the same path, rather than each
            its own: the estimate of ``alpha``'s gradient is then noisier.
        channels_last (bool): Whether the weights of convolutions lie in memory with
            their channels last, which torch's convolutions then do with the feature
            maps too: faster on the CPU.
        data_preprocessor (dict | nn.Module, optional): The architecture's by
            default.
        init_cfg (dict, optional): See mmengine's ``BaseModule``.

    Raises:
        ConfigError: An option is out of range or does not fit another.
    """

    @checked_options
    def __init__(
        self,
        architecture: Union[BaseModel, Dict],
        mutator: Union[DifferentiableMutator, Dict, None] = None,
        pretrain_epochs: int = 0,
        finetune_epochs: int = 80,
        resource_estimator: Optional[Dict] = None,
        cost: Optional[Dict] = None,
        gradient_estimator: Optional[Dict] = None,
        share_path: bool = False,
        channels_last: bool = False,
        data_preprocessor: Optional[Union[Dict, nn.Module]] = None,
        init_cfg: Optional[Dict] = None,
    ) -> None:
        wrong_order = stages_problem(pretrain_epochs, finetune_epochs)
        if wrong_order:
            raise ConfigError(f'{wrong_order}.')
        if isinstance(architecture, dict):
            # MMRazor's way, but by our registry, which finds the names of all.
            architecture = build_razor_model_from_cfg(architecture, MODELS)
        # MMRazor's search for `inplace` attributes finds nothing on torch 2
        # and is not needed: copy_overwritten_outputs looks at what is executed.
        super().__init__(architecture, data_preprocessor, init_cfg, module_inplace=True)
        self.resource_estimator = estimator = _built(
            resource_estimator, TASK_UTILS, 'mmdsnas.ResourceEstimator'
        )
        materialise(
            self.architecture,
            estimator.input_shape,
            'model.resource_estimator.input_shape',
        )
        if channels_last:
            # Before a wrapper lays out the buffers in which gradients are exchanged.
            self.architecture.to(memory_format=torch.channels_last)
        self.pretrain_epochs = pretrain_epochs
        self.finetune_epochs = finetune_epochs
        self.mutator = _built(mutator, MODELS, 'mmdsnas.DifferentiableMutator')
        self.mutator.prepare_from_supernet(self.architecture)
        with weights_all_there(self.architecture):
            self.cost_table = estimator.cost_table(
                self.architecture, self.mutator.search_groups
            )
        self.cost_term = CostTerm.from_options(self.cost_table, cost)
        if self.cost_term.limits:
            adaptive = self.cost_term.multipliers is not None
            self.mutator.set_limits(*self.cost_term.constraints(), mean=adaptive)
        inputs = estimator.example(self.architecture)
        copy_overwritten_outputs(self.architecture, inputs)
        self.gradient_estimator = _built(
            gradient_estimator, TASK_UTILS, 'mmdsnas.DSNASGradient'
        )
        self.share_path = share_path
        self.stage: Optional[Stage] = None
        self.iteration = 0
        self.seed = 0
        self.trains_alpha = True
        self._evaluated: Optional[Mapping[str, str]] = None
        # Looked for when they are needed: a wrapper may have put others in place.
        self._norms: Optional[List[nn.Module]] = None

    # Where the run is

    def stage_of(self, epoch: int) -> Stage:
        """The stage that an epoch, counted from 0, belongs to."""
        return Stage.of(epoch, self.pretrain_epochs, self.finetune_epochs)

    @property
    def searching(self) -> bool:
        """Whether blocks are searched, in the epoch that was entered."""
        return self.stage is Stage.SEARCH and bool(self.mutator.free)

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
            self.mutator.freeze_losers()
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

    # Forward

    def loss(
        self, inputs: Tensor, data_samples: Optional[List[BaseDataElement]] = None
    ) -> Dict[str, Tensor]:
        """Losses of one sampled path, of the child in eval mode.

        Args:
            inputs (Tensor): Preprocessed batch.
            data_samples (list[BaseDataElement], optional): Its labels.

        Returns:
            dict[str, Tensor]: The architecture's losses, prefixed ``task.``,
            and ``cost.loss`` where a limit applies.

        Raises:
            ConfigError: ``begin_epoch`` was not called, or the architecture returns
                no losses.
        """
        if not self.training:
            self._set_child()
            return self._task_losses(inputs, data_samples)
        if self.stage is None:
            raise ConfigError(
                "custom_hooks must have dict(type='mmdsnas.SearchStageHook'), which "
                'tells DSNAS the epoch, but nothing did.'
            )
        rank = 0 if self.share_path else get_rank()
        path = self.mutator.draw_path(self.seed, self.iteration, rank)
        self.mutator.set_choices(path)
        trains_alpha = self.searching and self.trains_alpha
        task = partial(self._task_losses, inputs, data_samples)
        if trains_alpha or (self.searching and self.gradient_estimator.mixes):
            draw = Draw(self.mutator, path, (self.seed, self.iteration, rank))
            losses = self.gradient_estimator(draw, task)
        else:
            losses = task()
        if self.cost_term.limit is not None:
            # 0 and not absent: logs repeat the last value of what is absent.
            losses['cost.loss'] = (
                self.cost_term(self.mutator.probs(), path)
                if trains_alpha
                else self.cost_term.costs.new_zeros((), dtype=torch.get_default_dtype())
            )
        return losses

    def press_alpha(self) -> None:
        """Adds an adaptive limit's part to the complete gradients of ``alpha``.

        ``SearchOptimWrapperDict`` calls it before every step.
        """
        presses = self.cost_term.multipliers is not None
        if presses and self.searching and self.trains_alpha:
            alphas = list(self.mutator.arch_params.values())
            self.cost_term.press(alphas, self.mutator.probs())

    def _task_losses(self, inputs, data_samples, aside=False) -> Dict[str, Tensor]:
        if aside:
            if self._norms is None:
                self._norms = batch_norms(self.architecture)
            with torch.no_grad(), statistics_kept(self._norms):
                return self._task_losses(inputs, data_samples)
        losses = self.architecture(inputs, data_samples, mode='loss')
        check_losses(losses, self.training and torch.is_grad_enabled())
        return {f'task.{name}': value for name, value in losses.items()}

    @contextmanager
    def evaluating(self, path: Mapping[str, str]) -> Iterator[None]:
        """While open, a path is executed where the child would be.

        Args:
            path (Mapping[str, str]): Candidate by group.
        """
        self._evaluated = path
        try:
            yield
        finally:
            self._evaluated = None

    def _set_child(self) -> None:
        self.mutator.set_choices(self._evaluated or self.mutator.derive_child())

    def _forward(self, inputs, data_samples=None):
        """Output of the child, see mmengine's ``mode='tensor'``."""
        self._set_child()
        return super()._forward(inputs, data_samples)

    def _predict(self, inputs, data_samples=None):
        """Predictions of the child, see mmengine's ``mode='predict'``."""
        self._set_child()
        return super()._predict(inputs, data_samples)


def _built(config, registry, default_type: str):
    if config is None or isinstance(config, dict):
        return registry.build({'type': default_type, **(config or {})})
    return config
