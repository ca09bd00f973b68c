"""The child network that a search ends in: its weights and what made it."""

from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Sequence, Union

from mmengine.logging import print_log
from torch import Tensor, nn

from mmdsnas.errors import CheckpointError, SubnetError
from mmdsnas.models import COSTS, DSNAS
from mmdsnas.models.weights import name_of
from mmdsnas.utils.plain import plain
from mmdsnas.utils.words import shown
from mmdsnas.versions import __version__
from .checkpoint import meta_of, save_checkpoint
from .subnet import Subnet, check_subnet, read_subnet, subnet_of_path, write_subnet

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
    algorithm: DSNAS, extra: Optional[Dict[str, Any]] = None
) -> Dict[str, Any]:
    """The child of a search as a checkpoint of tensors and plain values.

    Args:
        algorithm (DSNAS): The search, at any time.
        extra (dict, optional): More for ``meta``, e.g. the accuracy.

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
    costs = table.completed(path, counted)
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


def recorded_subnet(checkpoint: Mapping[str, Any]) -> Optional[Subnet]:
    """The subnet that a checkpoint names, None if it names none.

    Raises:
        CheckpointError: What it names is no subnet; a path, which would make a
            tool read whatever file a checkpoint says, is none.
        SubnetError: An entry of it is wrong.
    """
    subnet = meta_of(checkpoint).get('subnet')
    if subnet is None:
        return None
    if not isinstance(subnet, Mapping):
        raise CheckpointError(
            'the subnet that a checkpoint names must map blocks to candidates, but is '
            f'{shown(subnet)}.'
        )
    return read_subnet(subnet)


def recorded_input_size(checkpoint: Mapping[str, Any]) -> Optional[int]:
    """Pixels of the square images that a child is meant for, if its file tells."""
    shape = meta_of(checkpoint).get('input_shape')
    if not isinstance(shape, (list, tuple)) or len(shape) != 4:
        return None
    *_, height, width = shape
    return height if type(height) is int and height == width > 0 else None


def recorded_classes(checkpoint: Mapping[str, Any]) -> List[str]:
    """Class names that a checkpoint records; none where it has none."""
    dataset = meta_of(checkpoint).get('dataset_meta')
    classes = dataset.get('classes') if isinstance(dataset, Mapping) else None
    return list(map(str, classes)) if isinstance(classes, (list, tuple)) else []


def check_classes(
    checkpoint: Mapping[str, Any], classes: Optional[Sequence[str]], path: Any
) -> None:
    """Refuses images whose classes are others, or in another order.

    Args:
        checkpoint (Mapping): From ``load_checkpoint``.
        classes (Sequence[str], optional): Those of the images, if they are known.
        path (str | Path): Of the checkpoint, for the message.

    Raises:
        CheckpointError: The checkpoint records other ones.
    """
    recorded, own = recorded_classes(checkpoint), list(map(str, classes or ()))
    if recorded and own and recorded != own:
        raise CheckpointError(
            f'checkpoint {path} is of the classes {shown(recorded)}, but the images '
            f'are of {shown(own)}: they must be the same ones in the same order.'
        )


def is_of_search(checkpoint: Mapping[str, Any]) -> bool:
    """Whether a checkpoint holds a supernet with ``alpha``, and not a child."""
    names = (name_of(n).removeprefix('module.') for n in checkpoint['state_dict'])
    return any(name.startswith(ALPHA_PREFIXES) for name in names)


def child_of_search(
    weights: Mapping[str, Tensor], child: Mapping[str, Tensor]
) -> Dict[str, Tensor]:
    """Takes a child's weights from those of a search.

    Args:
        weights (Mapping[str, Tensor]): ``state_dict`` of a search's checkpoint.
        child (Mapping[str, Tensor]): State dict of the child, whose names tell
            which candidates it has.

    Returns:
        dict[str, Tensor]: Under the names of the child, as far as they are there.
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


def save_child(
    checkpoint: Dict[str, Any], pth: Union[str, Path], yaml: Union[str, Path]
) -> None:
    """Writes a child's two files, each atomically.

    Args:
        checkpoint (dict): From :func:`child_checkpoint`.
        pth (str | Path): Its weights, for ``torch.load(weights_only=True)``.
        yaml (str | Path): Its subnet file.
    """
    save_checkpoint(checkpoint, pth)
    write_subnet(checkpoint['meta']['subnet'], yaml)


def use_recorded_subnet(
    model_cfg: Dict[str, Any], checkpoint: Dict[str, Any], options: Dict[str, Any]
) -> None:
    """Lets a child be built as its checkpoint says.

    It says what a file in the config says otherwise. An option of the command
    line goes first with a checkpoint of a search, which has the weights of every
    child, and must agree with one of a child.

    Args:
        model_cfg (dict): Config of the model; changed in place if it is a
            ``sub_model`` and the checkpoint names a subnet.
        checkpoint (dict): A checkpoint.
        options (dict): Options of the command line; a ``model.fix_subnet``
            among them is kept.

    Raises:
        SubnetError: That one is another subnet than the checkpoint's.
    """
    recorded = recorded_subnet(checkpoint)
    if recorded is None or not model_cfg.type.endswith('sub_model'):
        return
    given = options.get('model.fix_subnet')
    if given is None:
        if model_cfg.get('fix_subnet') is not None:
            print_log(
                'The child is the one that the checkpoint records, whatever '
                'model.fix_subnet of the config is.',
                'current',
            )
        model_cfg.fix_subnet = recorded
    elif not is_of_search(checkpoint) and read_subnet(given) != recorded:
        raise SubnetError(
            f'model.fix_subnet is {given}, but the checkpoint holds the '
            'weights of another subnet; leave the option out to take that.'
        )
