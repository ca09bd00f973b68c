"""The child of a search as a checkpoint: its weights and what made it."""

from pathlib import Path
from typing import Any, Mapping

from torch import Tensor, nn

from mmdsnas.models import COSTS, DSNAS
from mmdsnas.models.mutables import blocks_of
from mmdsnas.models.weights import without_module
from mmdsnas.utils.plain import plain
from mmdsnas.versions import __version__
from .checkpoint import save_checkpoint
from .metadata import Metadata
from .subnet import SEARCH_PREFIX, Subnet, check_subnet, subnet_of_path, write_subnet

# Of the names of alpha in a search: in MMRazor before its version 1.0.0 the second.
ALPHA_PREFIXES = ('mutator._arch_params.', 'mutator.arch_params.')


def child_state_dict(architecture: nn.Module, subnet: Subnet) -> dict[str, Tensor]:
    """Weights of a child on the CPU, under the names of a model of ``sub_model``.

    They are those of the supernet without the candidates that are not in the child.
    """
    check_subnet(architecture, subnet)
    weights = architecture.state_dict()
    shared: dict[str, Tensor] = {}
    dropped: list[str] = []
    for name, block in blocks_of(architecture).items():
        chosen = subnet[block.alias or name]
        shared |= block.shared_weights(chosen, weights, f'{name}.')
        others = (choice for choice in block.choices if choice != chosen)
        dropped += [f'{name}._candidates.{choice}.' for choice in others]
    own = {k: w for k, w in weights.items() if not k.startswith(tuple(dropped))}
    return {k: w.detach().cpu() for k, w in {**own, **shared}.items()}


def child_checkpoint(algorithm: DSNAS, extra: Metadata | None = None) -> dict[str, Any]:
    """The child of a search as a checkpoint of tensors and plain values.

    Args:
        algorithm (DSNAS): The search, at any time.
        extra (Metadata, optional): More for ``meta``, e.g. the accuracy.

    Returns:
        dict: ``state_dict`` and ``meta``, with costs under the keys of ``COSTS``:
        counted in the child itself, or else those of the cost table.

    Raises:
        ConfigError: The child is not within the limits of the search.
    """
    table, estimator = algorithm.cost_table, algorithm.resource_estimator
    mutator, architecture = algorithm.mutator, algorithm.architecture
    path, confidence = mutator.derive_child(), mutator.confidence()
    choices = table.choices(path)
    counted = estimator.network_costs(architecture, choices)
    # Those of measured costs are as when the child was chosen.
    whole = {} if mutator.free else estimator.known_whole(architecture, choices)
    # Peaks are the same whenever they are asked for.
    exact = {name: n for name, n in whole.items() if COSTS[name].peak}
    algorithm.cost_term.check_network({**counted, '': {**counted[''], **exact}})
    own = table.by_block(path)
    costs = {
        name: {COSTS[c].key: n for c, n in {**own[name], **amounts}.items()}
        for name, amounts in counted.items()
    }
    costs[''].update({COSTS[name].key: amount for name, amount in whole.items()})
    groups = {block: group for group, names in table.groups.items() for block in names}
    # That of no name is the whole network; the others are in its order.
    whole, subnet = costs.pop(''), subnet_of_path(algorithm, path)
    blocks = {}
    for name, amounts in costs.items():
        own = dict(candidate=path[groups[name]], probability=confidence[groups[name]])
        blocks[name] = {**own, **amounts}
    meta = dict(
        subnet=subnet,
        input_shape=estimator.input_shape,
        blocks=blocks,
        **whole,
        mmdsnas_version=__version__,
        **(extra or {}),
    )
    return dict(meta=plain(meta), state_dict=child_state_dict(architecture, subnet))


def save_child(checkpoint: dict[str, Any], pth: str | Path, yaml: str | Path) -> None:
    """Writes a child from :func:`child_checkpoint`, and its subnet file, atomically."""
    save_checkpoint(checkpoint, pth)
    write_subnet(checkpoint['meta']['subnet'], yaml)


def is_of_search(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a checkpoint holds a supernet with ``alpha``, and not a child."""
    names = without_module(checkpoint['state_dict'])
    return any(name.startswith(ALPHA_PREFIXES) for name in names)


def child_of_search(
    weights: Mapping[str, Tensor], child: nn.Module
) -> dict[str, Tensor]:
    """Takes from the weights of a search those that a child has.

    They have the names of the child; what is missing is left out.
    """
    weights = dict(weights)
    for name, block in blocks_of(child).items():
        own = f'{SEARCH_PREFIX}{name}.'
        weights |= block.shared_weights(block.export_chosen(), weights, own)
    names = {f'{SEARCH_PREFIX}{name}': name for name in child.state_dict()}
    return {names[key]: weights[key] for key in weights if key in names}
