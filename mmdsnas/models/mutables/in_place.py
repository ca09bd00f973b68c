"""Finds operations that would overwrite what a gate keeps for backward."""

from typing import Dict, List, Mapping

import torch
import torch.nn as nn
from mmengine.logging import print_log

from .one_hot_mutable_op import OneHotMutableOP, all_candidates


def copy_overwritten_outputs(model: nn.Module, inputs: torch.Tensor) -> None:
    """Lets blocks hand out a copy where their output is overwritten.

    Args:
        model (nn.Module): The supernet, in eval mode.
        inputs (Tensor): One batch.
    """
    blocks = {
        name: module
        for name, module in model.named_modules()
        if isinstance(module, OneHotMutableOP)
    }
    for name, reader in in_place_readers(model, blocks, inputs).items():
        blocks[name].copy_output = True
        print_log(
            f'{reader} works in place on the output of block {name}, which '
            'hands out a copy therefore.',
            'current',
        )


@torch.no_grad()
def in_place_readers(
    model: nn.Module, blocks: Mapping[str, OneHotMutableOP], inputs: torch.Tensor
) -> Dict[str, str]:
    """Finds the blocks whose output is changed in place behind them.

    One forward pass in which every block executes all its candidates; torch
    counts the writes to a tensor, so that a write by a function is seen too.

    Args:
        model (nn.Module): The supernet, in eval mode.
        blocks (Mapping[str, OneHotMutableOP]): Its blocks by name.
        inputs (Tensor): One batch.

    Returns:
        dict[str, str]: Name of the block -> name of the first module in whose
        forward its output was changed.
    """
    watched: List[tuple] = []
    found: Dict[str, str] = {}

    def watch(name: str):

        def hook(module, args, output):
            outputs = output if isinstance(output, (list, tuple)) else [output]
            watched.extend((name, y, y._version) for y in outputs)

        return hook

    def compare(name: str):

        def hook(module, args, output):
            for block, y, version in watched:
                if y._version != version:
                    found.setdefault(block, name)

        return hook

    names = {block: name for name, block in blocks.items()}
    handles = []
    for name, module in model.named_modules():
        handles.append(module.register_forward_hook(compare(name)))
        if module in names:
            handles.append(module.register_forward_hook(watch(names[module])))
    try:
        with all_candidates(list(blocks.values())):
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()
    return found
