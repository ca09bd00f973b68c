"""What a checkpoint, of a run or of a child, says of itself in its ``meta``."""

from pathlib import Path
from typing import Annotated, Any, Literal, Mapping, Sequence

import torch
from pydantic import Field, StrictFloat, StrictInt, TypeAdapter, ValidationError
from typing_extensions import NotRequired, TypedDict, get_type_hints

from mmdsnas.errors import CheckpointError
from mmdsnas.utils.words import shown

# Beyond it a number is infinite in the float32 of a network.
LARGEST = torch.finfo(torch.float32).max

Integer = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
Number = Annotated[StrictInt | StrictFloat, Field(ge=-LARGEST, le=LARGEST)]


class Plan(TypedDict):
    """Epochs of a search, see ``DSNAS``."""

    max_epochs: Integer
    pretrain_epochs: Integer
    finetune_epochs: Integer
    # Whether the child is selected when the finetune stage begins.
    selects: NotRequired[Any]
    # Of a search with several limits: each limit's name, and its child's epochs.
    children: NotRequired[list[tuple[str, Integer]]]


class DatasetMeta(TypedDict, total=False):
    """What mmengine keeps of the data set, as far as it is read."""

    classes: list[Any] | tuple[Any, ...]


class SearchGroup(TypedDict):
    """Blocks that share one ``alpha``, and the names of its candidates."""

    blocks: list[str]
    choices: list[str]


class RunState(TypedDict, total=False):
    """What the exactness of a resume depends on; the last three are of a search."""

    # Whose change makes a resumed run another one.
    setting: dict[str, Any]
    # Of optimizers and schedules, by dotted name.
    options: dict[str, Any]
    stage: str
    # Candidate by search group.
    fixed: dict[str, Any]
    # Whose change cannot be resumed from.
    search_space: dict[str, SearchGroup]


class Metadata(TypedDict, total=False):
    """The ``meta`` of a checkpoint, of which nothing must be there.

    Beside these stand costs of a child, such as ``mflops``, and what mmengine adds.
    """

    # Candidate by block, see ``recorded_subnet``.
    subnet: Any
    # Of one image, that the costs are of.
    input_shape: tuple[Integer, Integer, Integer, Integer]
    # Edge of the images of a search, whose child may have smaller ones.
    image_size: Integer
    # ``candidate``, ``probability`` and costs by block.
    blocks: dict[str, dict[str, Any]]
    # Those that are done.
    epoch: Integer
    iter: Integer
    plan: Plan
    # Of the weights, at the end.
    lr: Number
    # Of the last validation, and of the child on data that no epoch saw.
    metrics: dict[str, Any]
    test_metrics: dict[str, Any]
    # Of the child in int8, in %, on the images that its predictions are of.
    int8_accuracy: Number
    # Whose images the predictions in the work directory are of: 'test' or 'val'.
    predicted_on: Literal['test', 'val']
    # Of a network made by hand that took the place of the child of a search.
    network: str
    dataset_meta: DatasetMeta
    # How a child is built, see ``recorded_child_config``.
    child_config: Any
    run: RunState
    mmdsnas_version: str


# Where a child has its accuracy in int8.
INT8 = 'int8_accuracy'

_HINTS = get_type_hints(Metadata, include_extras=True).items()
_FIELDS = {name: TypeAdapter(hint) for name, hint in _HINTS}
_NUMBER = TypeAdapter(Number)


def fits(value: Any, kind: TypeAdapter) -> bool:
    """Whether a value is of a kind."""
    try:
        kind.validate_python(value)
        return True
    except ValidationError:
        return False


def meta_of(checkpoint: Mapping[str, Any]) -> Metadata:
    """What a checkpoint says of itself, without what is not as ``Metadata`` has it.

    It is a new dict, and empty where there is no ``meta``.
    """
    meta = checkpoint.get('meta')
    items = meta.items() if isinstance(meta, Mapping) else ()
    return {k: v for k, v in items if k not in _FIELDS or fits(v, _FIELDS[k])}


def number(value: Any) -> int | float | None:
    """A number that can be shown and saved; None for anything else."""
    return value if fits(value, _NUMBER) else None


def recorded_input_size(checkpoint: Mapping[str, Any]) -> int | None:
    """Pixels of the square images that a child is meant for, if its file tells."""
    *_, height, width = meta_of(checkpoint).get('input_shape', (0, 0))
    return height if height == width > 0 else None


def recorded_image_size(checkpoint: Mapping[str, Any]) -> int | None:
    """Pixels of the square images that a search gets, if its file tells."""
    size = meta_of(checkpoint).get('image_size')
    return size or recorded_input_size(checkpoint)


def recorded_classes(checkpoint: Mapping[str, Any]) -> list[str]:
    """Class names that a checkpoint records; none where it has none."""
    recorded = meta_of(checkpoint).get('dataset_meta', {})
    return list(map(str, recorded.get('classes', ())))


def check_classes(
    checkpoint: Mapping[str, Any], classes: Sequence[str] | None, path: Any
) -> None:
    """Refuses images of other classes, if they are known, than a checkpoint records.

    Raises:
        CheckpointError: They are others, or in another order.
    """
    recorded, own = recorded_classes(checkpoint), list(map(str, classes or ()))
    if recorded and own and recorded != own:
        raise CheckpointError(
            f'checkpoint {path} is of the classes {shown(recorded)}, but the images '
            f'are of {shown(own)}: they must be the same ones in the same order.'
        )


def check_resumable(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Raises a ``CheckpointError`` unless a checkpoint holds the state of a run.

    That of a child alone, or of a best model, holds weights without it.
    """
    parts = [checkpoint.get(name) for name in ('message_hub', 'optimizer')]
    counted = {'epoch', 'iter'} <= meta_of(checkpoint).keys()
    if not counted or not all(isinstance(part, dict) for part in parts):
        raise CheckpointError(
            f'checkpoint {path} cannot be resumed, because it lacks the state of a '
            'run (meta.epoch, meta.iter, message_hub, optimizer); its weights can be '
            'given as load_from.'
        )


def last_lr(checkpoint: Mapping[str, Any]) -> float | None:
    """Learning rate of the weights at the end, by the optimizer or ``meta``."""
    optimizer = checkpoint.get('optimizer')
    try:
        optimizer = optimizer.get('architecture', optimizer)
        return number(optimizer['param_groups'][0].get('lr'))
    except (AttributeError, LookupError, TypeError):
        return meta_of(checkpoint).get('lr')
