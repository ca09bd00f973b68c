"""Finds operations that would overwrite what a gate keeps for backward."""

import copy
from logging import WARNING
from typing import Any

import torch
import torch.nn as nn
from mmengine.logging import print_log
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.module import register_module_forward_hook

from mmdsnas.errors import UserError
from mmdsnas.utils.foreign import FOREIGN
from .blocks import all_candidates, blocks_of
from .one_hot_mutable_op import OneHotMutableOP
from .outputs import check_output, tensors_of


def copy_overwritten_outputs(model: nn.Module, inputs: Tensor) -> None:
    """Lets blocks of a supernet hand out a copy where their output is overwritten.

    Raises:
        ConfigError: Candidates of a block do not fit each other in training mode.
    """
    # Training mode, where dropout writes too, may change whatever state a
    # module has, so a copy is looked at.
    probe = copy.deepcopy(model)
    for module in probe.modules():
        # One image may be too little for statistics.
        module.training = not isinstance(module, _NormBase)
    try:
        with torch.random.fork_rng(devices=[]):
            found = overwritten_blocks(probe, inputs)
    except UserError:
        raise
    except FOREIGN as error:
        print_log(
            'operations that work in place in training mode alone were not looked '
            f'for, because the forward fails there with one image: {error}',
            'current',
            level=WARNING,
        )
        found = overwritten_blocks(probe.eval(), inputs)
    for name in found:
        blocks_of(model)[name].copy_output = True
        print_log(
            f'something works in place on the output of block {name}, which hands out '
            'a copy therefore.',
            'current',
        )


@torch.no_grad()
def overwritten_blocks(model: nn.Module, inputs: Tensor) -> list[str]:
    """Names of the blocks with a candidate whose output is changed afterwards.

    One forward pass in which every block executes all its candidates. torch
    counts the writes to a tensor, so that a write by a function is seen too.

    Raises:
        ConfigError: A candidate gives something that no gate can take.
    """
    blocks = blocks_of(model)
    names = {module: name for name, module in model.named_modules()}
    candidates = {op for block in blocks.values() for op in block.candidates()}
    given: list[Tensor] = []
    watched: list[tuple[str, Tensor, int]] = []

    def watch(module: nn.Module, args: Any, output: Any) -> None:
        if module in candidates:
            check_output(output, names[module])
            given.extend(tensors_of(output))
        if isinstance(module, OneHotMutableOP):
            # From here on: what candidates do to each other's input counts
            # for nothing, one of them is executed.
            watched.extend((names[module], y, y._version) for y in given)
            given.clear()

    with register_module_forward_hook(watch), all_candidates(blocks):
        model(inputs)
    changed = {name for name, y, version in watched if y._version != version}
    return [name for name in blocks if name in changed]
