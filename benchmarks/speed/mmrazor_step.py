"""(c) MMRazor's own DSNAS, on the supernet, batch and paths of the search."""

from functools import partial
from typing import Any

import torch
from mmengine.logging import MessageHub
from mmengine.optim import build_optim_wrapper
from mmrazor.models.algorithms import DSNAS as MMRazorDSNAS
from mmrazor.models.mutables import OneHotMutableOP
from torch import Tensor

from mmdsnas.models import DSNAS
from mmdsnas.registry import MODELS
from .variants import AutocastOptimWrapper, Path, classes_of
from .workload import Workload, plain_dict, replace_blocks, supernet_of


@MODELS.register_module(force=True)
class GivenPathOP(OneHotMutableOP):
    """MMRazor's block with a given draw; its own one is made, and not used.

    Attributes:
        given (Tensor, optional): One-hot row of the candidate to execute; None: the
            drawn one, as where MMRazor counts the supernet.
    """

    given: Tensor | None = None

    def sample_weights(self, arch_param, probs, random_sample=False) -> Tensor:
        """See MMRazor's method."""
        drawn = super().sample_weights(arch_param, probs, random_sample)
        return drawn if self.given is None else self.given.clone()


class MMRazorStep:
    """A step of MMRazor's ``DSNAS.train_step`` in its search epochs.

    It counts the FLOPs of the child for images of 224 x 224 in every step, whatever
    the workload's size.

    Args:
        workload (Workload): What is searched.
        search (DSNAS): Gives the first weights and ``alpha``.
        paths (list[dict[str, str]]): Of the rounds in turn.
    """

    def __init__(self, workload: Workload, search: DSNAS, paths: list[Path]) -> None:
        config = workload.load()
        architecture = supernet_of(config)
        self.algorithm: MMRazorDSNAS = MODELS.build(
            dict(
                type='mmrazor.DSNAS',
                architecture=replace_blocks(
                    architecture, type='mmdsnas.GivenPathOP', fix_threshold=0.3
                ),
                mutator=dict(type='mmrazor.NasMutator'),
                pretrain_epochs=0,
            )
        )
        self.algorithm.to(workload.device).train()
        self.algorithm.architecture.load_state_dict(search.architecture.state_dict())
        # Both have the groups in the order of the blocks.
        theirs = self.algorithm.mutator.arch_params.values()
        with torch.no_grad():
            for alpha, own in zip(theirs, search.mutator.arch_params.values()):
                alpha.copy_(own)
        self.optimizers = self._optimizers(workload, config)
        self.blocks = [m for m in self.algorithm.modules() if _is_block(m)]
        self.device = workload.device
        self.paths = [list(path.values()) for path in paths]
        self.data = workload.batch(classes_of(workload))

    def _optimizers(self, workload: Workload, config):
        options = plain_dict(config, 'optim_wrapper')
        options.pop('amp', None)
        options['constructor'] = 'mmrazor.SeparateOptimWrapperConstructor'
        for name in ('architecture', 'mutator'):
            options[name]['type'] = 'mmdsnas.AutocastOptimWrapper'
        wrappers = build_optim_wrapper(self.algorithm, options)
        for wrapper in wrappers.values():
            assert isinstance(wrapper, AutocastOptimWrapper)
            wrapper.workload = workload
        # Its step zeroes alpha's gradients before handle_grads multiplies them, which
        # torch 2 does by None: "'NoneType' object has no attribute 'data'". Zeros, as
        # of torch 1, let it do all of its work, on zeros as it did then.
        mutator = wrappers['mutator']
        mutator.zero_grad = partial(mutator.optimizer.zero_grad, set_to_none=False)
        return wrappers

    def prepare(self, index: int) -> None:
        """Gives the blocks their candidates; its step asks the hub for the epoch."""
        MessageHub.get_current_instance().update_info('epoch', 0)
        path = self.paths[index % len(self.paths)]
        for block, choice in zip(self.blocks, path, strict=True):
            row = torch.zeros(len(block.choices))
            row[block.choices.index(choice)] = 1.0
            block.given = row.to(self.device)

    def run(self, index: int) -> dict[str, Any]:
        """One iteration."""
        return self.algorithm.train_step(self.data, self.optimizers)


def _is_block(module: torch.nn.Module) -> bool:
    return isinstance(module, GivenPathOP)
