from collections import defaultdict
from contextlib import ExitStack
from functools import partial
from logging import WARNING
from typing import Mapping, Sequence

import torch.nn as nn
from mmengine.logging import print_log
from mmrazor.models.task_modules.estimators.counters.flops_params_counter import (
    is_supported_instance,
)
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..mutables import tensors_of

# They compute nothing that counts as a multiply-add. Activations that MMRazor
# does not know are not among them: it counts an addition for those it knows.
FREE = (
    *(nn.Sequential, nn.Identity, nn.Flatten, nn.Unflatten),
    *(nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout),
    *(nn.ZeroPad2d, nn.ConstantPad2d, nn.ReflectionPad2d, nn.ReplicationPad2d),
    *(nn.ChannelShuffle, nn.PixelShuffle, nn.PixelUnshuffle),
)


def uncounted_modules(
    model: nn.Module, inputs: Tensor, counted: Mapping[nn.Module, float]
) -> dict[str, str]:
    """Finds what MMRazor's counters do not see in one forward pass.

    These are executed modules that have no counter and either no children or
    parameters of their own, and modules that execute convolutions or matrix products
    themselves, unless their counter gives what torch's gives, up to an addition per
    output. Other functions that a module with children calls are not named.

    Args:
        model (nn.Module): In eval mode.
        inputs (Tensor): Its input.
        counted (Mapping[nn.Module, float]): Multiply-adds of modules by MMRazor.

    Returns:
        dict[str, str]: Name of one such module by its type.
    """
    outputs: dict[str, int] = defaultdict(int)

    def note(module, args, output, name: str) -> None:
        outputs[name] += sum(tensor.numel() for tensor in tensors_of(output))

    with ExitStack() as hooks, FlopCounterMode(display=False) as counter:
        for name, module in model.named_modules():
            handle = module.register_forward_hook(partial(note, name=name))
            hooks.callback(handle.remove)
        model(inputs)

    unseen: dict[str, str] = {}
    for name in outputs:
        module = model.get_submodule(name)
        owns = any(True for _ in module.parameters(recurse=False))
        free = isinstance(module, FREE) or any(True for _ in module.children())
        if (owns or not free) and not is_supported_instance(module):
            unseen.setdefault(type(module).__name__, name)
    for name, flops in _own_flops(counter, type(model).__name__).items():
        module = model.get_submodule(name)
        kind, found = type(module).__name__, counted.get(module, 0.0)
        if flops > 0 and not is_supported_instance(module):
            unseen.pop(kind, None)
            kind += f' (about {flops / 1e6:.3f} MFLOPs in its forward)'
            unseen.setdefault(kind, name or 'the root')
        # A layer that is not torch's may use less of a weight than there is.
        elif (
            not type(module).forward.__module__.startswith('torch.')
            and found
            and abs(flops - found) > outputs[name]
        ):
            kind += f' ({found / 1e6:.3f} for about {flops / 1e6:.3f} MFLOPs)'
            unseen.setdefault(kind, name)
    return unseen


def warn_of_uncounted(uncounted: Mapping[str, str], idle: Sequence[str]) -> None:
    """Warns of :func:`uncounted_modules`, and of blocks that nothing executes."""
    if uncounted:
        told = (
            'the cost table counts nothing, or something else, for modules of '
            f'these types: {", ".join(f"{k} at {n}" for k, n in uncounted.items())}; '
            "to count one, register a counter for it in mmrazor's TASK_UTILS."
        )
        print_log(told, 'current', WARNING)
    if idle:
        told = (
            'the cost table counts nothing for blocks that the forward does not '
            f'execute: {", ".join(idle)}; nothing of it depends on their choice.'
        )
        print_log(told, 'current', WARNING)


def _own_flops(counter: FlopCounterMode, root: str) -> dict[str, float]:
    """Multiply-adds of each module without those of modules inside it."""
    own = {
        name[len(root) + 1 :]: sum(ops.values()) / 2  # it counts both
        for name, ops in counter.get_flop_counts().items()
        if name == root or name.startswith(f'{root}.')
    }
    for name, flops in dict(own).items():
        parent = name
        while parent:
            parent = parent.rpartition('.')[0]
            if parent in own:
                own[parent] -= flops
                break
    return own
