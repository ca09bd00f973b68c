"""The child of a search as a checkpoint: its weights and what made it."""

from pathlib import Path
from typing import Any, Dict, Mapping, Optional, Union

from torch import Tensor, nn

from mmdsnas.models import COSTS, DSNAS
from mmdsnas.models.weights import without_module
from mmdsnas.utils.plain import plain
from mmdsnas.versions import __version__
from .checkpoint import save_checkpoint
from .metadata import Metadata
from .subnet import Subnet, check_subnet, subnet_of_path, write_subnet

# What the names of the supernet's weights begin with in a search.
SEARCH_PREFIX = 'architecture.'
# And those of alpha: in MMRazor before its version 1.0.0 the second.
ALPHA_PREFIXES = ('mutator._arch_params.', 'mutator.arch_params.')


def child_state_dict(architecture: nn.Module, subnet: Subnet) -> Dict[str, Tensor]:
    """Weights of a child, under the names of a model built by ``sub_model``.

    Args:
        architecture (nn.Module): The supernet.
        subnet (dict[str, str]): Candidate by block.

    Returns:
        dict[str, Tensor]: The architecture's state dict on the CPU without
        the candidates that are not in the child.
    """
    check_subnet(architecture, subnet)
    dropped = []
    for name, module in architecture.named_modules():
        chosen = subnet.get(getattr(module, 'alias', None) or name)
        if chosen is not None:
            dropped += [
                f'{name}._candidates.{choice}.'
                for choice in module.choices
                if choice != chosen
            ]
    return {
        key: value.detach().cpu()
        for key, value in architecture.state_dict().items()
        if not key.startswith(tuple(dropped))
    }


def child_checkpoint(
    algorithm: DSNAS, extra: Optional[Metadata] = None
) -> Dict[str, Any]:
    """The child of a search as a checkpoint of tensors and plain values.

    Args:
        algorithm (DSNAS): The search, at any time.
        extra (Metadata, optional): More for ``meta``, e.g. the accuracy.

    Returns:
        dict: ``state_dict`` and ``meta`` with ``subnet`` (candidate by
        block), ``blocks`` (by block: candidate, probability, costs), the costs of the
        whole, the ``input_shape`` that these are of, and ``mmdsnas_version``. Costs
        have the keys of ``COSTS``: ``mflops``, ``mparams`` and, where it was
        measured, ``latency_ms``. What can be counted is counted in the child itself;
        the others are those of the cost table.

    Raises:
        ConfigError: The child is not within the limits of the search.
    """
    path = algorithm.mutator.derive_child()
    table, architecture = algorithm.cost_table, algorithm.architecture
    counted = algorithm.resource_estimator.network_costs(
        architecture, table.choices(path)
    )
    algorithm.cost_term.check_network(counted)
    own = table.by_block(path)
    costs = {name: {**own[name], **amounts} for name, amounts in counted.items()}
    subnet = subnet_of_path(architecture, algorithm.mutator.search_groups, path)
    meta = dict(
        subnet=subnet,
        input_shape=algorithm.resource_estimator.input_shape,
        blocks=_blocks(algorithm, path, costs),
        **_costs(costs['']),
        mmdsnas_version=__version__,
        **(extra or {}),
    )
    return dict(meta=plain(meta), state_dict=child_state_dict(architecture, subnet))


def save_child(
    checkpoint: Dict[str, Any], pth: Union[str, Path], yaml: Union[str, Path]
) -> None:
    """Writes a child from :func:`child_checkpoint`, and its subnet file, atomically."""
    save_checkpoint(checkpoint, pth)
    write_subnet(checkpoint['meta']['subnet'], yaml)


def is_of_search(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a checkpoint holds a supernet with ``alpha``, and not a child."""
    names = without_module(checkpoint['state_dict'])
    return any(name.startswith(ALPHA_PREFIXES) for name in names)


def child_of_search(
    weights: Mapping[str, Tensor], child: Mapping[str, Tensor]
) -> Dict[str, Tensor]:
    """Takes from the weights of a search those that the state dict of a child has.

    They have the names of the child; what is missing is left out.
    """
    names = {f'{SEARCH_PREFIX}{name}': name for name in child}
    return {names[key]: weights[key] for key in weights if key in names}


def _costs(costs: Mapping[str, float]) -> Dict[str, float]:
    return {COSTS[name].key: amount for name, amount in costs.items()}


def _blocks(
    algorithm: DSNAS, path: Mapping[str, str], costs: Mapping[str, Mapping[str, float]]
) -> Dict[str, Dict[str, Any]]:
    confidence = algorithm.mutator.confidence()
    groups = algorithm.cost_table.groups.items()
    group_of = {block: group for group, blocks in groups for block in blocks}
    return {
        name: dict(
            candidate=path[group_of[name]],
            probability=confidence[group_of[name]],
            **_costs(cost),
        )
        for name, cost in costs.items()
        if name
    }
