from contextlib import contextmanager
from functools import partial
from typing import (
    Any,
    Dict,
    Iterable,
    Iterator,
    List,
    Literal,
    Mapping,
    Optional,
    Union,
)

import torch
import torch.nn as nn
from mmrazor.models.task_modules import ResourceEstimator as MMRazorResourceEstimator
from mmrazor.registry import TASK_UTILS as RAZOR_TASK_UTILS
from torch import Tensor

from mmdsnas.registry import TASK_UTILS
from mmdsnas.utils.foreign import telling
from mmdsnas.utils.options import InputShape, checked_options
from ..mutables import OneHotMutableOP, all_candidates, blocks_of, one_path
from .cost_table import Cost, CostTable, total
from .latency import LatencyMeter
from .network_check import check_networks
from .uncounted import own_forwards, uncounted_modules, warn_of_uncounted
from .untouched import untouched

# Of one image, where a config has none.
INPUT_SHAPE = (1, 3, 224, 224)

# Option -> beginnings of the names of MMRazor's counters that count.
COUNTS = {
    'all': ('',),
    'conv_linear': ('Conv', 'DynamicConv', 'Linear', 'DynamicLinear'),
    'conv': ('Conv', 'DynamicConv'),
}


@TASK_UTILS.register_module()
class ResourceEstimator(MMRazorResourceEstimator):
    """MMRazor's estimator, with a cost table of a whole search space.

    MMRazor's counters do the counting, so that the cost of a path from the
    table is what MMRazor gives for the exported child. What MMRazor's
    ``estimate`` leaves behind on the model (eval mode, counter attributes,
    a graph) is undone here.

    Args:
        input_shape (tuple): Shape of the input, with batch size 1.
        count (str): Which layers' FLOPs count: ``'all'`` that MMRazor knows,
            ``'conv_linear'`` or ``'conv'`` alone, as the authors count.
            Parameters are counted in all layers.
        latency (dict, optional): Arguments of ``LatencyMeter`` but the input's
            shape: the cost table has measured latencies, too. None: it has none.
        **kwargs: See MMRazor's ``ResourceEstimator``.

    Examples:
        >>> estimator = ResourceEstimator(input_shape=(1, 3, 32, 32))
        >>> table = estimator.cost_table(architecture, mutator.search_groups)
        >>> table.cost(mutator.derive_child()).flops
    """

    @checked_options
    def __init__(
        self,
        input_shape: InputShape = INPUT_SHAPE,
        count: Literal['all', 'conv_linear', 'conv'] = 'all',
        latency: Optional[Dict[str, Any]] = None,
        **kwargs,
    ) -> None:
        self.count = count
        self.latency_meter = (
            None if latency is None else LatencyMeter(input_shape, **latency)
        )
        super().__init__(input_shape=tuple(input_shape), **kwargs)

    def estimate(
        self,
        model: nn.Module,
        flops_params_cfg: Optional[dict] = None,
        latency_cfg: Optional[dict] = None,
    ) -> Dict[str, Union[float, str]]:
        """See MMRazor's method; the model stays as it was."""
        flops_params_cfg = {'input_shape': self.input_shape, **(flops_params_cfg or {})}
        with untouched(model):
            result = super().estimate(model, flops_params_cfg, latency_cfg)
        if self.count != 'all':
            flops_params_cfg['disabled_counters'] = self._disabled_counters()
            with untouched(model):
                counted = super().estimate(model, flops_params_cfg)
            result['flops'] = counted['flops']
        return result

    def _disabled_counters(self) -> List[str]:
        """Names of MMRazor's counters of layers that do not count."""
        kept = COUNTS[self.count]
        return [
            name
            for name in RAZOR_TASK_UTILS.module_dict
            if name.endswith('Counter') and not name.startswith(kept)
        ]

    def cost_table(
        self, model: nn.Module, groups: Mapping[str, List[OneHotMutableOP]]
    ) -> CostTable:
        """Counts every candidate of every group in one forward pass.

        Args:
            model (nn.Module): The supernet; its weights, statistics and
                training mode do not change.
            groups (Mapping[str, list[OneHotMutableOP]]): The mutator's
                search groups.

        Returns:
            CostTable: Exact counts, not rounded as ``estimate`` does.

        Raises:
            ConfigError: The model does not accept ``input_shape``, candidates of a
                block do not fit each other, or the costs of a path are not those
                of its network.
        """
        names = {block: name for name, block in model.named_modules()}
        blocks = {names[b]: b for members in groups.values() for b in members}
        spec_modules = [
            f'{name}._candidates.{choice}'
            for name, block in blocks.items()
            for choice in block.choices
        ]
        with all_candidates(blocks) as calls:
            own = own_forwards(model)
            counted = self.module_costs(model, ['', *spec_modules, *own])
            mflops = {n: counted[n].flops for n in own if counted[n].flops}
            with self.probing(model) as inputs:
                uncounted = uncounted_modules(model, inputs, mflops)
        if self.count != 'all':
            uncounted = {k: n for k, n in uncounted.items() if 'MFLOPs' in k}
        idle = [name for name, number in calls.items() if not number]
        warn_of_uncounted(uncounted, idle)
        table = {
            name: {
                choice: counted[f'{name}._candidates.{choice}']
                for choice in block.choices
            }
            for name, block in blocks.items()
        }
        searched = total(counted[name] for name in spec_modules)
        everything = counted['']
        costs = CostTable(
            blocks=table,
            groups={g: [names[b] for b in m] for g, m in groups.items()},
            fixed_part=Cost(
                everything.flops - searched.flops, everything.params - searched.params
            ),
        )
        check_networks(costs, partial(self.network_costs, model))
        if self.latency_meter is None:
            return costs
        return costs.with_latencies(*self.latency_meter.table(model))

    def module_costs(self, model: nn.Module, names: Iterable[str]) -> Dict[str, Cost]:
        """Counts modules in one forward pass, two where not all layers count.

        Args:
            model (nn.Module): The model; it stays as it was.
            names (Iterable[str]): Names of modules in it; ``''`` is all of it.

        Returns:
            dict[str, Cost]: Cost by name, in the order of the model; exact
            counts, not rounded as ``estimate`` does.

        Raises:
            ConfigError: The model does not accept ``input_shape``.
        """
        config = dict(
            input_shape=self.input_shape,
            units=None,
            as_strings=False,
            spec_modules=list(names),
        )
        with self.probing(model) as inputs:
            _try(model, inputs)
            counted = super().estimate_separation_modules(model, config)
        flops = counted
        if self.count != 'all':
            config['disabled_counters'] = self._disabled_counters()
            with self.probing(model):
                flops = super().estimate_separation_modules(model, config)
        return {
            name: Cost(flops[name]['flops'] / 1e6, counted[name]['params'] / 1e6)
            for name in counted
        }

    def network_costs(
        self, model: nn.Module, path: Mapping[str, str]
    ) -> Dict[str, Cost]:
        """Counts the network of a path, without the other candidates.

        Args:
            model (nn.Module): The supernet; it stays as it was.
            path (Mapping[str, str]): Candidate by block.

        Returns:
            dict[str, Cost]: Cost by block; ``''`` is the whole network.

        Raises:
            ConfigError: The network does not accept ``input_shape``.
        """
        names = {f'{block}._candidates.{c}': block for block, c in path.items()}
        with one_path(blocks_of(model), path):
            counted = self.module_costs(model, ['', *names])
        return {names.get(name, name): cost for name, cost in counted.items()}

    @contextmanager
    def probing(self, model: nn.Module) -> Iterator[Tensor]:
        """Eval mode without a graph, to look at a model; undone at the end.

        Args:
            model (nn.Module): The model.

        Yields:
            Tensor: See :meth:`example`.
        """
        with untouched(model):
            yield self.example(model)

    def example(self, model: nn.Module) -> Tensor:
        """An input of zeros for a model, shape ``input_shape``."""
        like = next(model.parameters(), torch.zeros(()))
        return like.new_zeros(self.input_shape)


def _try(model: nn.Module, inputs: Tensor) -> None:
    with telling(
        'the architecture must accept an input of resource_estimator.input_shape, '
        f'but with {tuple(inputs.shape)} its forward fails'
    ):
        model(inputs)
