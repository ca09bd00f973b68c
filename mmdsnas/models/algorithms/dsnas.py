from contextlib import ExitStack
from functools import cached_property, partial
from typing import Any, Literal, Sequence

import torch
import torch.nn as nn
from mmengine.dist import get_rank
from mmengine.model import BaseModel
from mmengine.optim import OptimWrapper, OptimWrapperDict
from mmengine.structures import BaseDataElement
from torch import Tensor

from mmdsnas.registry import MODELS, OPTIM_WRAPPERS, TASK_UTILS
from mmdsnas.utils.options import Count, Natural, PartConfig, checked_options
from ..architecture import build_architecture, part_of
from ..batch_norm import batch_norms
from ..cost import ResourceEstimator
from ..gradient_estimators import BaseGradientEstimator, DSNASGradient, Task
from ..lazy import materialise
from ..mutables import copy_overwritten_outputs
from ..mutators import DifferentiableMutator, PathSample
from .constrained import ConstrainedAlgorithm
from .soft_labels import SoftLabels, logits_among, outputs_of
from .stages import Stage


@MODELS.register_module()
class DSNAS(ConstrainedAlgorithm):
    """DSNAS (Hu et al., CVPR 2020): search and training in one run.

    ===========  ==========================  ==================  =============
    stage        epochs                      weights             alpha
    ===========  ==========================  ==================  =============
    pretrain     ``[0, pretrain_epochs)``    of sampled paths    untouched
    search       up to ``finetune_epochs``   of sampled paths    trained
    finetune     up to the end               of the child only   fixed
    ===========  ==========================  ==================  =============

    Every training iteration executes one path, drawn per rank. One backward pass fills
    the gradients of weights and ``alpha``, so that mmengine's own step and distributed
    wrapper serve as they are. Evaluation runs the most probable path, the child, unless
    ``executing`` names another one. Hooks tell by ``begin`` where the run is; where
    nothing does, every iteration is one of the search stage.

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
            None: no limit. The child is always within the limit. In place of ``limit``
            a list ``limits`` has those of several children: the search is within the
            loosest, the others are runs of their own, see :func:`mmdsnas.train`.
        input_sizes (Sequence[int]): Edges of the child's images, in pixels, that there
            is a choice of; the largest is that of ``input_shape``, as the images come.
            See ``ChooseChildHook``.
        gradient_estimator (dict): How ``alpha`` gets its gradient.
        pretrain_path (str): What the pretrain stage trains and evaluates: paths that
            are ``'sampled'``, or that of the ``'first'`` candidates, for a pretrained
            network, see ``elastic_blocks``.
        distillation (dict, optional): In the finetune stage the child learns from
            ``soft_labels``, too, which ``ChooseChildHook`` sets. Options of MMRazor's
            ``KLDivergence``: ``loss_weight``, ``tau``; or the config of another loss of
            two logits.
        share_path (bool): Whether all ranks draw the same path, rather than each
            its own: the estimate of ``alpha``'s gradient is then noisier.
        channels_last (bool): Whether the weights of convolutions lie in memory with
            their channels last, which torch's convolutions then do with the feature
            maps too: faster on the CPU.
        norm_training (bool): Whether BatchNorm layers stay in training mode where the
            search is evaluated: they normalize by the batch, and their running
            statistics go on. The child by itself normalizes by the latter.
        data_preprocessor (dict | nn.Module, optional): The architecture's by
            default. A dict is given to an architecture that is built from a config,
            which may add to it: mmcls's batch augmentations of ``train_cfg``.
        init_cfg (dict, optional): See mmengine's ``BaseModule``.

    Raises:
        ConfigError: An option is out of range or does not fit another.
        WrongTypeError: A part is of another class than it should be.
    """

    @checked_options
    def __init__(
        self,
        architecture: BaseModel | PartConfig,
        mutator: Any = None,
        pretrain_epochs: Natural = 0,
        finetune_epochs: Natural = 80,
        resource_estimator: Any = None,
        cost: dict[str, Any] | None = None,
        input_sizes: Sequence[Count] = (),
        gradient_estimator: Any = None,
        pretrain_path: Literal['sampled', 'first'] = 'sampled',
        distillation: dict[str, Any] | None = None,
        share_path: bool = False,
        channels_last: bool = False,
        norm_training: bool = False,
        data_preprocessor: dict | nn.Module | None = None,
        init_cfg: dict | None = None,
    ) -> None:
        is_module = isinstance(data_preprocessor, nn.Module)
        if isinstance(architecture, dict) and not is_module:
            architecture = build_architecture(architecture, data_preprocessor)
            data_preprocessor = None
        super().__init__(
            architecture, data_preprocessor, init_cfg, pretrain_epochs, finetune_epochs
        )
        self.resource_estimator = estimator = part_of(
            'resource_estimator', resource_estimator, TASK_UTILS, ResourceEstimator
        )
        where = 'model.resource_estimator.input_shape'
        materialise(self.architecture, estimator.input_shape, where)
        if channels_last:
            # Before a wrapper lays out the buffers in which gradients are exchanged.
            self.architecture.to(memory_format=torch.channels_last)
        self.mutator = part_of('mutator', mutator, MODELS, DifferentiableMutator)
        if not self.mutator.is_prepared_for(self.architecture):
            self.mutator.prepare_from_supernet(self.architecture)
        self.set_up_costs(estimator, cost or {}, input_sizes)
        example = estimator.example(self.architecture)
        copy_overwritten_outputs(self.architecture, example)
        kinds = BaseGradientEstimator, DSNASGradient
        self.gradient_estimator = part_of(
            'gradient_estimator', gradient_estimator, TASK_UTILS, *kinds
        )
        self.gradient_estimator.prepare(*self.mutator.probs().shape)
        self.pretrain_path = pretrain_path
        self.soft_labels = None if distillation is None else SoftLabels(distillation)
        self.share_path = share_path
        self.norm_training = norm_training

    @property
    def head(self) -> nn.Module:
        """The architecture's, where hooks of mmcls look for it."""
        return self.architecture.head

    def train(self, mode: bool = True) -> 'DSNAS':
        """Sets the mode; see ``norm_training``."""
        super().train(mode)
        if self.norm_training and not mode:
            for layer in batch_norms(self.architecture):
                layer.training = True
        return self

    def train_step(
        self, data: dict[str, Any], optim_wrapper: OptimWrapper
    ) -> dict[str, Tensor]:
        """See mmengine's method; there may be one optimizer or several.

        They are stepped together. A single one is too if the limit is adaptive, whose
        part of the gradient is added between backward pass and step.
        """
        parts = dict(architecture=optim_wrapper)
        together = self.cost_term.adaptive
        if isinstance(optim_wrapper, OptimWrapperDict):
            parts = optim_wrapper.optim_wrappers
            # Not a subclass: it is stepped together already.
            together = type(optim_wrapper) is OptimWrapperDict
        if together:
            optim_wrapper = OPTIM_WRAPPERS.get('SearchOptimWrapperDict')(**parts)
        return super().train_step(data, optim_wrapper)

    # Forward

    def loss(
        self, inputs: Tensor, data_samples: list[BaseDataElement] | None = None
    ) -> dict[str, Tensor]:
        """Losses of one sampled path, of the child in eval mode.

        They are the architecture's, prefixed ``task.``, and ``cost.loss`` of a limit.

        Raises:
            ConfigError: The architecture has no losses, or nothing adds the gradient
                of an adaptive limit.
        """
        inputs = self.resized(inputs)
        if not self.training:
            self.set_evaluated()
            return self._task_losses(inputs, data_samples)
        iteration = self.next_iteration() if self._executed is None else self.iteration
        key = self.seed, iteration, 0 if self.share_path else get_rank()
        path = self.given_path() or self.mutator.draw_path(*key)
        self.mutator.set_choices(path)
        trains_alpha = self.searching and self.trains_alpha
        losses_of = partial(self._task_losses, inputs, data_samples)
        task = Task(losses_of, lambda: self._norms)
        if trains_alpha or (self.searching and self.gradient_estimator.mixes):
            losses = self.gradient_estimator(PathSample(self.mutator, path, key), task)
        else:
            losses = task()
        return {**losses, **self.cost_losses(path, trains_alpha)}

    def _task_losses(self, inputs, data_samples) -> dict[str, Tensor]:
        with ExitStack() as opened:
            learns = self.training and self.learns_from_labels
            outputs = opened.enter_context(outputs_of(self.head)) if learns else []
            losses = self.architecture(inputs, data_samples, mode='loss')
        self.check_losses(losses)
        losses = {f'task.{name}': value for name, value in losses.items()}
        if learns:
            logits = logits_among(outputs)
            losses['distillation.loss'] = self.soft_labels(logits, data_samples)
        return losses

    @property
    def learns_from_labels(self) -> bool:
        """Whether training steps, of the child alone, have soft labels."""
        alone = self.stage is Stage.FINETUNE or self._executed is not None
        return (
            alone and self.soft_labels is not None and len(self.soft_labels.logits) > 0
        )

    @cached_property
    def _norms(self) -> list[nn.Module]:
        # Looked for when they are needed: a wrapper may have put others in place.
        return batch_norms(self.architecture)
