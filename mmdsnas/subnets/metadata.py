"""What a checkpoint, of a run or of a child, says of itself in its ``meta``."""

from pathlib import Path
from typing import Annotated, Any, Dict, List, Mapping, Optional, Sequence, Tuple, Union

import torch
from pydantic import Field, StrictFloat, StrictInt, TypeAdapter, ValidationError
from typing_extensions import NotRequired, TypedDict, get_type_hints

from mmdsnas.errors import CheckpointError
from mmdsnas.utils.words import shown

# Beyond it a number is infinite in the float32 of a network.
LARGEST = torch.finfo(torch.float32).max

Integer = Annotated[StrictInt, Field(ge=-(2**63), lt=2**63)]
Number = Annotated[Union[StrictInt, StrictFloat], Field(ge=-LARGEST, le=LARGEST)]


class Plan(TypedDict):
    """What a search is to do.

    Attributes:
        max_epochs (int): Epochs in all.
        pretrain_epochs (int): Epochs before ``alpha`` is trained.
        finetune_epochs (int): Epochs before the finetune stage.
        selects (bool): Whether the child is selected when that begins.
    """

    max_epochs: Integer
    pretrain_epochs: Integer
    finetune_epochs: Integer
    selects: NotRequired[Any]


class DatasetMeta(TypedDict, total=False):
    """What mmengine keeps of the data set, of which the class names are read."""

    classes: Union[List[Any], Tuple[Any, ...]]


class SearchGroup(TypedDict):
    """Blocks that share one ``alpha``, and the names of its candidates."""

    blocks: List[str]
    choices: List[str]


class RunState(TypedDict, total=False):
    """What the exactness of a resume depends on.

    Attributes:
        setting (dict[str, Any]): Whose change makes a resumed run another one.
        options (dict[str, Any]): Of optimizers and schedules, by dotted name.
        stage (str): Of a search, as the other ones.
        fixed (dict[str, str]): Candidate by search group.
        search_space (dict[str, SearchGroup]): Whose change cannot be resumed from.
    """

    setting: Dict[str, Any]
    options: Dict[str, Any]
    stage: str
    fixed: Dict[str, Any]
    search_space: Dict[str, SearchGroup]


class Metadata(TypedDict, total=False):
    """The ``meta`` of a checkpoint; none of it must be there.

    Beside these stand costs of a child under the names of the cost table, such as
    ``mflops``, and what mmengine adds, such as ``seed``.

    Attributes:
        subnet (dict[str, str]): Candidate by block, see ``recorded_subnet``.
        input_shape (tuple[int]): Shape of one image, that the costs are of.
        blocks (dict[str, dict]): By block ``candidate``, ``probability`` and costs.
        epoch (int): Epochs that are done.
        plan (Plan): Of the search.
        lr (float): Learning rate of the weights at the end.
        metrics (dict[str, Any]): Of the last validation.
        test_metrics (dict[str, Any]): Of the child, on data that no epoch saw.
        dataset_meta (DatasetMeta): Of the data.
        child_config (dict): How a child is built, see ``recorded_child_config``.
        run (RunState): Of the run that wrote it.
        mmdsnas_version (str): Of the writer.
    """

    subnet: Any
    input_shape: Tuple[Integer, Integer, Integer, Integer]
    blocks: Dict[str, Dict[str, Any]]
    epoch: Integer
    plan: Plan
    lr: Number
    metrics: Dict[str, Any]
    test_metrics: Dict[str, Any]
    dataset_meta: DatasetMeta
    child_config: Any
    run: RunState
    mmdsnas_version: str


class _Progress(TypedDict):
    epoch: Integer
    iter: Integer


class _Resumable(TypedDict):
    meta: _Progress
    message_hub: Dict[str, Any]
    optimizer: Dict[str, Any]


_FIELDS = {
    name: TypeAdapter(hint)
    for name, hint in get_type_hints(Metadata, include_extras=True).items()
}
_NUMBER, _RESUMABLE = TypeAdapter(Number), TypeAdapter(_Resumable)


def fits(value: Any, kind: TypeAdapter) -> bool:
    """Whether a value is of a kind."""
    try:
        kind.validate_python(value)
    except ValidationError:
        return False
    return True


def meta_of(checkpoint: Mapping[str, Any]) -> Metadata:
    """What a checkpoint says of itself, without what is not as ``Metadata`` has it.

    Args:
        checkpoint (Mapping): From ``load_checkpoint``.

    Returns:
        Metadata: A new dict, which is empty where there is no ``meta``.
    """
    meta = checkpoint.get('meta')
    items = meta.items() if isinstance(meta, Mapping) else ()
    return {k: v for k, v in items if k not in _FIELDS or fits(v, _FIELDS[k])}


def number(value: Any) -> Union[int, float, None]:
    """A number that can be shown and saved; None for anything else."""
    return value if fits(value, _NUMBER) else None


def recorded_input_size(checkpoint: Mapping[str, Any]) -> Optional[int]:
    """Pixels of the square images that a child is meant for, if its file tells."""
    *_, height, width = meta_of(checkpoint).get('input_shape', (0, 0))
    return height if height == width > 0 else None


def recorded_classes(checkpoint: Mapping[str, Any]) -> List[str]:
    """Class names that a checkpoint records; none where it has none."""
    return [
        str(n) for n in meta_of(checkpoint).get('dataset_meta', {}).get('classes', ())
    ]


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


def check_resumable(checkpoint: Mapping[str, Any], path: Union[str, Path]) -> None:
    """Refuses a checkpoint that holds weights, but not the state of a run.

    Args:
        checkpoint (Mapping): From ``load_checkpoint``.
        path (str | Path): Where it came from, for the message.

    Raises:
        CheckpointError: It is that of a child alone, say, or of a best model.
    """
    if not fits(checkpoint, _RESUMABLE):
        raise CheckpointError(
            f'checkpoint {path} cannot be resumed, because it lacks the state of a '
            'run (meta.epoch, meta.iter, message_hub, optimizer); its weights can be '
            'given as load_from.'
        )


def last_lr(checkpoint: Mapping[str, Any]) -> Optional[float]:
    """Learning rate of the weights when a checkpoint was saved.

    Args:
        checkpoint (Mapping): Of a search, of the training of a child, or a file with
            ``lr`` in its ``meta``.

    Returns:
        float, optional: None if it does not tell.
    """
    optimizer = checkpoint.get('optimizer')
    try:
        optimizer = optimizer.get('architecture', optimizer)
        return number(optimizer['param_groups'][0].get('lr'))
    except (AttributeError, LookupError, TypeError):
        return meta_of(checkpoint).get('lr')
