from collections import defaultdict
from functools import partial
from logging import WARNING
from typing import Dict, List, Mapping, Sequence

import torch.nn as nn
from mmengine.logging import print_log
from mmrazor.models.task_modules.estimators.counters import flops_params_counter
from torch import Tensor
from torch.utils.flop_counter import FlopCounterMode

from ..mutables import tensors_of

# They compute nothing that counts as a multiply-add. Activations that MMRazor
# does not know are not among them: it counts an addition for those it knows.
FREE = (
    nn.Sequential,
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.ZeroPad2d,
    nn.ConstantPad2d,
    nn.ReflectionPad2d,
    nn.ReplicationPad2d,
    nn.ChannelShuffle,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
)


def own_forwards(model: nn.Module) -> List[str]:
    """Names of the modules that are counted by their class, with another forward.

    Such a one may compute its weight, and use less of it than there is.
    """
    return [
        name
        for name, module in model.named_modules()
        if not type(module).forward.__module__.startswith('torch.')
        and flops_params_counter.is_supported_instance(module)
    ]


def uncounted_modules(
    model: nn.Module, inputs: Tensor, mflops: Mapping[str, float]
) -> Dict[str, str]:
    """Finds what MMRazor's counters do not see in one forward pass.

    These are executed modules that have no counter and either no children or
    parameters of their own, and modules that execute convolutions or matrix
    products themselves; torch's own counter sees those. Other functions that
    a module with children calls itself, such as an addition, are not named. Nor are
    modules whose counter gives what torch's gives, up to an addition per output.

    Args:
        model (nn.Module): The model, in eval mode.
        inputs (Tensor): Its input.
        mflops (Mapping[str, float]): What MMRazor counts for :func:`own_forwards`.

    Returns:
        dict[str, str]: Type of the module -> name of one such module.
    """
    is_counted = flops_params_counter.is_supported_instance
    executed: Dict[str, int] = defaultdict(int)

    def note(module, args, output, name: str) -> None:
        executed[name] += sum(tensor.numel() for tensor in tensors_of(output))

    handles = [
        module.register_forward_hook(partial(note, name=name))
        for name, module in model.named_modules()
    ]
    try:
        with FlopCounterMode(display=False) as counter:
            model(inputs)
    finally:
        for handle in handles:
            handle.remove()

    unseen: Dict[str, str] = {}
    for name in executed:
        module = model.get_submodule(name)
        leaf = not any(True for _ in module.children())
        owns = any(True for _ in module.parameters(recurse=False))
        free = isinstance(module, FREE) or not leaf
        if (owns or not free) and not is_counted(module):
            unseen.setdefault(type(module).__name__, name)
    for name, flops in _own_flops(counter, type(model).__name__).items():
        module = model.get_submodule(name)
        if flops > 0 and not is_counted(module):
            kind = type(module).__name__
            unseen.pop(kind, None)
            unseen.setdefault(
                f'{kind} (about {flops / 1e6:.3f} MFLOPs in its forward)',
                name or 'the root',
            )
        elif abs(flops - 1e6 * mflops.get(name, flops / 1e6)) > executed[name]:
            kind = type(module).__name__
            true = f'{flops / 1e6:.3f} MFLOPs'
            unseen.setdefault(f'{kind} ({mflops[name]:.3f} for about {true})', name)
    return unseen


def warn_of_uncounted(uncounted: Mapping[str, str], idle: Sequence[str]) -> None:
    """Says what the cost table does not have.

    Args:
        uncounted (Mapping[str, str]): From :func:`uncounted_modules`.
        idle (Sequence[str]): Blocks that the forward does not execute.
    """
    if uncounted:
        print_log(
            'the cost table counts nothing, or something else, for modules of '
            'these types: '
            f'{", ".join(f"{k} at {n}" for k, n in uncounted.items())}; '
            "to count one, register a counter for it in mmrazor's "
            'TASK_UTILS.',
            'current',
            level=WARNING,
        )
    if idle:
        print_log(
            'the cost table counts nothing for blocks that the forward does not '
            f'execute: {", ".join(idle)}; nothing of it depends on their choice.',
            'current',
            level=WARNING,
        )


def _own_flops(counter: FlopCounterMode, root: str) -> Dict[str, float]:
    """Multiply-adds of each module without those of modules inside it."""
    own = {
        name[len(root) + 1 :]: sum(ops.values()) / 2  # it counts both
        for name, ops in counter.get_flop_counts().items()
        if name == root or name.startswith(f'{root}.')
    }
    total = dict(own)
    for name, flops in total.items():
        parent = name
        while parent:
            parent = parent.rpartition('.')[0]
            if parent in total:
                own[parent] -= flops
                break
    return own
