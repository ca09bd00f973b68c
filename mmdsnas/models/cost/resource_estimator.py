from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any, Iterable, Literal, Mapping

import torch
import torch.nn as nn
from mmrazor.models.task_modules import ResourceEstimator as MMRazorResourceEstimator
from mmrazor.registry import TASK_UTILS as RAZOR_TASK_UTILS
from torch import Tensor

from mmdsnas.registry import TASK_UTILS
from mmdsnas.utils.foreign import telling
from mmdsnas.utils.options import InputShape, checked_options
from ..mutables import OneHotMutableOP, all_candidates, blocks_of, one_path
from ..state import untouched
from .cost_table import CostTable, total
from .costs import COSTS, LAYERS, Amounts
from .network_check import check_networks
from .uncounted import uncounted_modules, warn_of_uncounted

# Of one image, where a config has none.
INPUT_SHAPE = (1, 3, 224, 224)

# What modules add, by the name of a cost: its numbers, not scaled, by module.
Counts = dict[str, dict[nn.Module, float]]


@TASK_UTILS.register_module()
class ResourceEstimator(MMRazorResourceEstimator):
    """MMRazor's estimator, with a table of all ``COSTS`` of a whole search space.

    MMRazor's counters count FLOPs and parameters, so that the cost of a path from the
    table is what MMRazor gives for the exported child. Every method leaves a model as
    it was.

    Args:
        input_shape (tuple): Shape of the input, with batch size 1.
        count (str): Which layers' FLOPs count: ``'all'`` that MMRazor knows,
            ``'conv_linear'`` or ``'conv'`` alone, as the authors count.
            Parameters are counted in all layers.
        latency (dict, optional): Arguments of ``LatencyMeter``, or with ``command`` of
            ``DeviceLatencyMeter``, but the input's shape: the cost table has measured
            latencies, too. None: it has none.
        **kwargs: See MMRazor's ``ResourceEstimator``; other measured costs have an
            option like ``latency``.

    Examples:
        >>> estimator = ResourceEstimator(input_shape=(1, 3, 32, 32))
        >>> table = estimator.cost_table(architecture, mutator.search_groups)
        >>> table.cost(mutator.derive_child())['flops']
    """

    @checked_options
    def __init__(
        self,
        input_shape: InputShape = INPUT_SHAPE,
        count: Literal['all', 'conv_linear', 'conv'] = 'all',
        latency: dict[str, Any] | None = None,
        **kwargs,
    ) -> None:
        self.count = count
        kwargs['latency'] = latency
        self._options = dict(kwargs, count=count)
        # What measures, by the name of the cost.
        self.meters: dict[str, Any] = {}
        for name, cost in COSTS.items():
            options = kwargs.pop(name, None) if cost.meter else None
            if options is not None:
                self.meters[name] = cost.meter(input_shape, **options)
        super().__init__(input_shape=tuple(input_shape), **kwargs)

    def for_size(self, size: int) -> 'ResourceEstimator':
        """The same estimator for images of another edge, in pixels."""
        options = dict(self._options)
        for name in self.meters:
            # A file keeps the measurements of one size.
            if file := options[name].get('file'):
                file = Path(file).with_stem(f'{Path(file).stem}_{size}')
                options[name] = {**options[name], 'file': file}
        shape = (*self.input_shape[:2], size, size)
        return type(self)(input_shape=shape, **options)

    def estimate(
        self,
        model: nn.Module,
        flops_params_cfg: dict | None = None,
        latency_cfg: dict | None = None,
    ) -> dict[str, float | str]:
        """See MMRazor's method."""
        flops_params_cfg = {'input_shape': self.input_shape, **(flops_params_cfg or {})}
        with untouched(model):
            result = super().estimate(model, flops_params_cfg, latency_cfg)
        if self.count != 'all':
            flops_params_cfg['disabled_counters'] = [
                name
                for name in RAZOR_TASK_UTILS.module_dict
                if name.endswith('Counter') and not name.startswith(LAYERS[self.count])
            ]
            with untouched(model):
                result['flops'] = super().estimate(model, flops_params_cfg)['flops']
        return result

    def cost_table(
        self, model: nn.Module, groups: Mapping[str, list[OneHotMutableOP]]
    ) -> CostTable:
        """Counts all candidates of a supernet in one forward pass, and measures them.

        Counts are exact, not rounded as those of ``estimate``; ``groups`` are the
        mutator's search groups.

        Raises:
            ConfigError: The model does not accept ``input_shape``, candidates of a
                block do not fit each other, or the costs of a path are not those
                of its network.
        """
        names = {block: name for name, block in model.named_modules()}
        blocks = {names[b]: b for members in groups.values() for b in members}
        with all_candidates(blocks) as calls, untouched(model):
            counts = self._count(model)
            uncounted = uncounted_modules(model, self.example(model), counts['flops'])
        if self.count != 'all':
            uncounted = {k: n for k, n in uncounted.items() if 'MFLOPs' in k}
        warn_of_uncounted(uncounted, [n for n, number in calls.items() if not number])
        costs = {
            name: {c: _costs(counts, block._candidates[c]) for c in block.choices}
            for name, block in blocks.items()
        }
        parts = [amounts for row in costs.values() for amounts in row.values()]
        rest = {
            name: whole - total(part[name] for part in parts)
            for name, whole in _costs(counts, model).items()
        }
        members = {group: [names[b] for b in own] for group, own in groups.items()}
        table = CostTable(costs, members, rest)
        check_networks(table, partial(self.network_costs, model))
        for name, meter in self.meters.items():
            measured = meter.table(model)
            table = table.measured(name, measured.blocks, measured.fixed_part)
        return table

    def module_costs(
        self, model: nn.Module, names: Iterable[str]
    ) -> dict[str, Amounts]:
        """Costs of modules, by their names in a model, counted in one forward pass.

        Raises:
            ConfigError: The model does not accept ``input_shape``.
        """
        names = set(names)
        with untouched(model):
            counts = self._count(model)
        modules = model.named_modules(remove_duplicate=False)
        return {name: _costs(counts, m) for name, m in modules if name in names}

    def network_costs(
        self, model: nn.Module, path: Mapping[str, str]
    ) -> dict[str, Amounts]:
        """Counts the network of a path, candidate by block, in a supernet.

        Returns:
            dict[str, dict[str, float]]: Costs by block; ``''`` is the whole network.
        """
        names = {f'{block}._candidates.{c}': block for block, c in path.items()}
        with one_path(blocks_of(model), path):
            counted = self.module_costs(model, ['', *names])
        return {names.get(name, name): costs for name, costs in counted.items()}

    def measured_whole(self, names: Iterable[str]) -> list[str]:
        """Of some costs those whose meter can measure the network of a path."""
        return [name for name in names if hasattr(self.meters.get(name), 'whole')]

    def whole(
        self, model: nn.Module, path: Mapping[str, str], names: Iterable[str]
    ) -> Amounts:
        """Measures the network of a path, candidate by block, as far as meters can.

        See :meth:`measured_whole` for the costs that are named.
        """
        names = self.measured_whole(names)
        return {name: self.meters[name].whole(model, path) for name in names}

    def known_whole(
        self,
        model: nn.Module,
        path: Mapping[str, str],
        names: Iterable[str] | None = None,
    ) -> Amounts:
        """As :meth:`whole`, of what was measured before; by default of all costs."""
        names = self.measured_whole(self.meters if names is None else names)
        found = {name: self.meters[name].known_whole(model, path) for name in names}
        return {name: amount for name, amount in found.items() if amount is not None}

    def _count(self, model: nn.Module) -> Counts:
        """Executes a model in eval mode, and counts what its modules add."""
        inputs = self.example(model)
        counters = {name: cost.count for name, cost in COSTS.items() if cost.count}
        counts: Counts = {name: {} for name in counters}

        def note(module: nn.Module, args: tuple, output: Any) -> None:
            for name, count in counters.items():
                number = count(self, module, args, output)
                if number is not None:
                    counts[name][module] = counts[name].get(module, 0.0) + number

        with ExitStack() as hooks:
            for module in model.modules():
                hooks.callback(module.register_forward_hook(note).remove)
            with telling(
                'the architecture must accept an input of '
                f'resource_estimator.input_shape, but with {tuple(inputs.shape)} its '
                'forward fails'
            ):
                model(inputs)
        return counts

    def example(self, model: nn.Module) -> Tensor:
        """An input of zeros for a model, shape ``input_shape``."""
        like = next(model.parameters(), torch.zeros(()))
        return like.new_zeros(self.input_shape)


def _costs(counts: Counts, module: nn.Module) -> Amounts:
    return {n: _sum(of, module) / COSTS[n].scale for n, of in counts.items()}


def _sum(counts: Mapping[nn.Module, float], module: nn.Module) -> float:
    if module in counts:
        return counts[module]
    return sum(_sum(counts, child) for child in module.children())
