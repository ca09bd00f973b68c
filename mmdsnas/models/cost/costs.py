"""The costs of a network: one record for each, in one table."""

import math
import re
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, Callable, Mapping, Sequence

from mmrazor.models.task_modules.estimators.counters.flops_params_counter import (
    get_counter_type,
    is_supported_instance,
)
from mmrazor.registry import TASK_UTILS as RAZOR_TASK_UTILS
from pydantic import AfterValidator

from mmdsnas.errors import ConfigError
from mmdsnas.utils.options import LARGEST
from mmdsnas.utils.words import shown
from ..mutables.weight_parts import weight_parts
from .device_latency import latency_meter


def _checked_limit(value: Any) -> Any:
    parts = (
        re.fullmatch(r'(\d+(?:\.\d+)?) ?%', value) if isinstance(value, str) else None
    )
    number = float(parts[1]) if parts else value
    fits = isinstance(number, (int, float)) and not isinstance(number, bool)
    if not fits or not 0 < number <= LARGEST:
        raise ValueError(
            'be a number above 0, or a percentage above 0 of what the most expensive '
            "path costs, such as '50%' or '12.5 %'"
        )
    return value


# In the unit of its cost, or in percent of the most expensive path's cost: '50%'.
Limit = Annotated[Any, AfterValidator(_checked_limit)]
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
    costs and their gradients rely on it. A cost is counted or measured. Counts are
    exact, which is checked on the networks that run; a sum of measurements predicts.

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
        ),
    )
}


def given_limits(limit: Any) -> dict[str, Any]:
    """What is given as a limit, by cost; a number, or a part, is one on FLOPs."""
    if limit is None:
        return {}
    return dict(limit) if isinstance(limit, Mapping) else dict(flops=limit)


def limits_of(limit: Any, most: Callable[[str], float]) -> dict[str, float]:
    """The limits by cost, in the order of ``COSTS``; a number is one on FLOPs.

    Args:
        limit (float | str | dict, optional): A number in the unit of its cost, or a
            part of what the most expensive path costs, ``'50%'``.
        most (Callable): Gives the latter by the name of a cost.

    Raises:
        ConfigError: A limit is on something else than one of ``COSTS``.
    """
    given = given_limits(limit)
    if not set(given) <= set(COSTS):
        raise ConfigError(
            f'cost.limit must be among {", ".join(COSTS)}, but is {shown(limit)}.'
        )

    def amount(name: str) -> float:
        own = given[name]
        if isinstance(own, str):
            return float(own.removesuffix('%')) / 100 * most(name)
        return float(own)

    return {name: amount(name) for name in COSTS if name in given}


def split_limits(cost: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any]]:
    """Options of ``CostTerm`` without a limit, and the limit of each child.

    Args:
        cost (Mapping): Options with ``limit``, or with ``limits`` of several children.

    Raises:
        ConfigError: It has both, or the latter are none.
    """
    options = dict(cost)
    limit, limits = options.pop('limit', None), options.pop('limits', None)
    if limits is None:
        return options, [limit]
    if not isinstance(limits, (list, tuple)) or not limits or None in limits:
        raise ConfigError(
            "model.cost.limits must be a list of limits, such as ['25%', '50%'], each "
            f'as model.cost.limit may be, but is {shown(limits)}.'
        )
    if limit is not None:
        raise ConfigError(
            'model.cost.limit must be None where model.cost.limits has the limit of '
            f'each child, but is {shown(limit)}.'
        )
    return options, list(limits)


def loosest_first(limits: Sequence[Amounts]) -> list[int]:
    """Places of limits by what they allow, most first.

    Raises:
        ConfigError: One allows more of one cost, and less of another, than another one,
            or as much of all of them.
    """
    order = sorted(range(len(limits)), key=lambda k: [-n for n in limits[k].values()])
    for k, tighter in zip(order, order[1:]):
        one, other = limits[k], limits[tighter]
        fits = one.keys() == other.keys() and one != other
        if not fits or any(one[name] < other[name] for name in one):
            raise ConfigError(
                'model.cost.limits must be limits on the same costs, of which each '
                'allows less than the one before, but has '
                f'{in_words(one) or "none"} and {in_words(other) or "none"}.'
            )
    return order


def in_words(
    amounts: Mapping[str, float],
    fixed_part: bool = True,
    most: Mapping[str, float] | None = None,
) -> str:
    """``7 MFLOPs and 0.5 million parameters``.

    Of a cost in ``most``, that of the most expensive path, the part is told, too:
    ``7 MFLOPs (62.5%)``.
    """
    words = ' and '.join(
        f'{n:.6g} {COSTS[name].unit}{_part(n, (most or {}).get(name))}'
        for name, n in amounts.items()
    )
    return words if fixed_part else f'{words} (blocks only, count_fixed_part=False)'


def _part(amount: float, most: float | None) -> str:
    if not most:
        return ''
    # Rounded up, so that it is enough as a limit.
    return f' ({math.ceil(round(1000 * amount / most, 6)) / 10:.12g}%)'
