"""The costs of a network: one record for each, in one table."""

from dataclasses import dataclass
from functools import partial
from typing import Any, Callable

from mmrazor.models.task_modules.estimators.counters.flops_params_counter import (
    get_counter_type,
    is_supported_instance,
)
from mmrazor.registry import TASK_UTILS as RAZOR_TASK_UTILS

from ..mutables.weight_parts import weight_parts
from .device_latency import latency_meter
from .file_size import FileSizeMeter
from .memory_meter import PeakMemoryMeter

# Amounts of costs by their names, each in its unit; what was not measured is absent.
Amounts = dict[str, float]
# Option -> beginnings of the names of MMRazor's counters whose FLOPs count.
LAYERS = {
    'all': ('',),
    'conv_linear': ('Conv', 'DynamicConv', 'Linear', 'DynamicLinear'),
    'conv': ('Conv', 'DynamicConv'),
}


@dataclass(frozen=True)
class Cost:
    """What a network costs in one respect.

    The cost of a path is a sum over its blocks and the fixed part: limits, expected
    costs and their gradients rely on it. Or it is a peak, the largest of these: then a
    limit leaves out the candidates that are above it alone. A cost is counted or
    measured. Counts are exact, which is checked on the networks that run; a sum of
    measurements predicts.

    Attributes:
        name (str): Key of ``cost.limit``; of a measured cost also the option of
            ``ResourceEstimator`` that has the arguments of its meter.
        unit (str): Unit, in words.
        key (str): Key in the metadata of a child.
        expected (str): Key of the mean cost of a path in logs.
        heading (str): Unit in tables.
        digits (int): Digits after the point in tables.
        scale (float): What is counted is divided by it.
        count (callable, optional): ``count(estimator, module, args, output)`` gives
            what one call of a module adds, with all that is inside it; None: look at
            the modules inside.
        peak (bool): Whether that of a path is the largest of its parts, and no sum.
        keeps_file (bool): Whether the meter has an option ``file``, to keep what it
            measured.
        meter (callable, optional): ``meter(input_shape, **options).table(model)`` has
            ``blocks`` (amount by block and candidate) and ``fixed_part``. One with
            ``whole(model, path)`` also measures the network of a path, which must be
            within the limit as a whole then; ``known_whole`` has what that gave.

    Examples:
        >>> def elements(estimator, module, args, output):
        ...     return None if list(module.children()) else output.numel()
        >>> COSTS['activations'] = Cost(
        ...     'activations', 'million elements', 'mactivations',
        ...     'expected_mactivations', 'M elements', scale=1e6, count=elements
        ... )
    """

    name: str
    unit: str
    key: str
    expected: str
    heading: str
    digits: int = 3
    scale: float = 1.0
    count: Callable[..., float | None] | None = None
    meter: Callable[..., Any] | None = None
    peak: bool = False
    keeps_file: bool = False

    def shown(self, amount: float) -> str:
        """An amount as it stands in tables, without the unit."""
        return f'{amount:.{self.digits}f}'


def _counted(name: str, estimator, module, args, output) -> float | None:
    """What MMRazor's counter of a module counts, None where there is none."""
    if not is_supported_instance(module):
        return None
    counter = get_counter_type(module)
    counts = name != '__flops__' or counter.startswith(LAYERS[estimator.count])
    if not counts or counter in estimator.flops_params_cfg.get('disabled_counters', ()):
        return 0.0
    if name == '__params__' and (shared := list(weight_parts(module))):
        parts = (part().numel() for _, _, part in shared)
        return float(sum(parts) + sum(p.numel() for p in module.parameters()))
    # A counter leaves its numbers on the module.
    module.__flops__ = module.__params__ = 0.0
    RAZOR_TASK_UTILS.get(counter)().add_count_hook(module, args, output)
    return getattr(module, name)


# FLOPs are multiply-adds, as in MMRazor. A limit that is a number is one on them.
COSTS: dict[str, Cost] = {
    cost.name: cost
    for cost in (
        Cost(
            *('flops', 'MFLOPs', 'mflops', 'expected_mflops', 'MFLOPs'),
            scale=1e6,
            count=partial(_counted, '__flops__'),
        ),
        Cost(
            *('params', 'million parameters', 'mparams', 'expected_mparams'),
            'M parameters',
            scale=1e6,
            count=partial(_counted, '__params__'),
        ),
        Cost(
            *('latency', 'ms', 'latency_ms', 'expected_ms', 'ms'),
            digits=4,
            meter=latency_meter,
            keeps_file=True,
        ),
        Cost(
            *('memory', 'KiB of activations', 'memory_kib', 'expected_kib', 'KiB'),
            digits=1,
            meter=PeakMemoryMeter,
            peak=True,
        ),
        Cost(
            *('size', 'KiB of a file', 'size_kib', 'expected_size_kib', 'KiB, file'),
            digits=1,
            meter=FileSizeMeter,
        ),
    )
}
