"""Finds operations that would overwrite what a gate keeps for backward."""

import copy
from contextlib import ExitStack
from logging import WARNING
from typing import Dict, List

import torch
import torch.nn as nn
from mmengine.logging import print_log
from torch import Tensor
from torch.nn.modules.batchnorm import _NormBase

from mmdsnas.errors import UserError
from mmdsnas.utils.foreign import FOREIGN
from .blocks import all_candidates, blocks_of
from .one_hot_mutable_op import OneHotMutableOP
from .outputs import check_output, tensors_of


def copy_overwritten_outputs(model: nn.Module, inputs: Tensor) -> None:
    """Lets blocks hand out a copy where their output is overwritten.

    Args:
        model (nn.Module): The supernet.
        inputs (Tensor): One batch.

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
            found = in_place_readers(probe, inputs)
    except UserError:
        raise
    except FOREIGN as error:
        print_log(
            'operations that work in place in training mode alone were not looked '
            f'for, because the forward fails there with one image: {error}',
            'current',
            level=WARNING,
        )
        found = in_place_readers(probe.eval(), inputs)
    for name, reader in found.items():
        blocks_of(model)[name].copy_output = True
        print_log(
            f'{reader} works in place on the output of block {name}, which '
            'hands out a copy therefore.',
            'current',
        )


@torch.no_grad()
def in_place_readers(model: nn.Module, inputs: Tensor) -> Dict[str, str]:
    """Finds the blocks with a candidate whose output is changed afterwards.

    One forward pass in which every block executes all its candidates. torch
    counts the writes to a tensor, so that a write by a function is seen too.

    Returns:
        dict[str, str]: Name of the block -> name of the module in whose
        forward its output was changed.

    Raises:
        ConfigError: A candidate gives something that no gate can take.
    """
    blocks = blocks_of(model)
    names = {module: name for name, module in model.named_modules()}
    candidates = {op for block in blocks.values() for op in block.candidates()}
    handed_on: List[Tensor] = []
    watched: List[tuple] = []
    running: List[str] = []
    found: Dict[str, str] = {}

    def blame(name: str) -> None:
        for block, y, version in watched:
            if y._version != version:
                found.setdefault(block, name or type(model).__name__)

    def before(module, args) -> None:
        if running:
            blame(running[-1])
        running.append(names[module])

    def after(module, args, output) -> None:
        blame(running.pop())
        if module in candidates:
            check_output(output, names[module])
            handed_on.extend(tensors_of(output))
        if isinstance(module, OneHotMutableOP):
            # From here on: what candidates do to each other's input counts
            # for nothing, one of them is executed.
            watched.extend((names[module], y, y._version) for y in handed_on)
            handed_on.clear()

    with ExitStack() as hooks, all_candidates(blocks):
        for module in names:
            hooks.callback(module.register_forward_pre_hook(before).remove)
            hooks.callback(module.register_forward_hook(after).remove)
        model(inputs)
    return found
