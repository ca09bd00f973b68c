"""Finds operations that would overwrite what a gate keeps for backward."""

import copy
from logging import WARNING
from typing import Dict, List, Mapping

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
            found = in_place_readers(probe, blocks_of(probe), inputs)
    except UserError:
        raise
    except FOREIGN as error:
        print_log(
            'operations that work in place in training mode alone were not looked '
            f'for, because the forward fails there with one image: {error}',
            'current',
            level=WARNING,
        )
        probe.eval()
        found = in_place_readers(probe, blocks_of(probe), inputs)
    for name, reader in found.items():
        blocks_of(model)[name].copy_output = True
        print_log(
            f'{reader} works in place on the output of block {name}, which '
            'hands out a copy therefore.',
            'current',
        )


@torch.no_grad()
def in_place_readers(
    model: nn.Module, blocks: Mapping[str, OneHotMutableOP], inputs: Tensor
) -> Dict[str, str]:
    """Finds the blocks with a candidate whose output is changed afterwards.

    One forward pass in which every block executes all its candidates. torch
    counts the writes to a tensor, so that a write by a function is seen too.

    Args:
        model (nn.Module): The supernet.
        blocks (Mapping[str, OneHotMutableOP]): Its blocks by name.
        inputs (Tensor): One batch.

    Returns:
        dict[str, str]: Name of the block -> name of the module in whose
        forward its output was changed.

    Raises:
        ConfigError: A candidate gives something that no gate can take.
    """
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

    def before(name: str):
        def hook(module, args) -> None:
            if running:
                blame(running[-1])
            running.append(name)

        return hook

    def after(name: str):
        def hook(module, args, output) -> None:
            blame(running.pop())
            if module in candidates:
                check_output(output, names[module])
                handed_on.extend(tensors_of(output))
            if name in blocks:
                # From here on: what candidates do to each other's input counts
                # for nothing, one of them is executed.
                watched.extend((name, y, y._version) for y in handed_on)
                handed_on.clear()

        return hook

    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_pre_hook(before(name)))
        handles.append(module.register_forward_hook(after(name)))
    try:
        with all_candidates(blocks):
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found
