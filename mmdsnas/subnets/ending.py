"""How far a search came: the one place that says whether it is done."""

from logging import WARNING
from pathlib import Path
from typing import Any, List, Mapping, Optional, Union

from mmengine.logging import print_log

from mmdsnas.models import Stage
from .checkpoint import meta_of

NUMBERS = ('max_epochs', 'pretrain_epochs', 'finetune_epochs')


def what_is_missing(meta: Mapping[str, Any]) -> Optional[str]:
    """What a search lacks of being done.

    Args:
        meta (Mapping): Has ``epoch``, the epochs that are done, and ``plan``: the
            numbers ``max_epochs``, ``pretrain_epochs`` and ``finetune_epochs``, and
            ``selects``, whether the child is selected when the finetune stage begins.

    Returns:
        str, optional: Follows 'is not finished: '; None if it is done, or if ``meta``
        does not tell.
    """
    numbers = _numbers(meta)
    if numbers is None:
        return None
    epoch, last, pretrain, finetune = numbers
    searched = pretrain < min(epoch, finetune)
    selected = bool(meta['plan'].get('selects')) and epoch > finetune
    stage = Stage.of(max(epoch - 1, 0), pretrain, finetune)
    if epoch < last:
        parts = [f'it has done {epoch} of {last} epochs, in the {stage.value} stage']
        remedy = '--resume goes on'
    elif epoch < finetune:
        parts = [
            f'train_cfg.max_epochs is {last}, but the finetune stage begins after '
            f'model.finetune_epochs, {finetune}'
        ]
        remedy = '--resume with a larger train_cfg.max_epochs goes on'
    elif not searched and not selected:
        parts = []
        remedy = 'see model.pretrain_epochs and model.finetune_epochs'
    else:
        return None
    if not searched and not selected:
        child = 'no epoch trained alpha, so the child is what its initial values say'
    elif stage is Stage.FINETUNE:
        child = 'the child is chosen, but not trained to the end'
    else:
        child = 'not all blocks are fixed, so the child is the likeliest so far'
    return '; '.join([*parts, child, remedy])


def how_it_ended(meta: Mapping[str, Any]) -> str:
    """A sentence on the end of a search; empty if ``meta`` has no plan.

    Args:
        meta (Mapping): See :func:`what_is_missing`.
    """
    if _numbers(meta) is None:
        return ''
    missing = what_is_missing(meta)
    if missing is None:
        return 'The search is done.'
    return f'The search is not finished: {missing}.'


def warn_of_unfinished(checkpoint: Mapping[str, Any], path: Union[str, Path]) -> None:
    """Tells whoever uses a child that its search is not done.

    Args:
        checkpoint (Mapping): From ``mmdsnas.subnets.checkpoint.load_checkpoint``.
        path (str | Path): Where it came from, for the message.
    """
    missing = what_is_missing(meta_of(checkpoint))
    if missing is not None:
        told = f'The search that {path} comes from is not finished: {missing}.'
        print_log(told, 'current', WARNING)


def _numbers(meta: Mapping[str, Any]) -> Optional[List[int]]:
    """The epochs that are done and those of the plan; None if a file lacks one."""
    plan = meta.get('plan')
    if not isinstance(plan, Mapping):
        return None
    numbers = [meta.get('epoch'), *(plan.get(name) for name in NUMBERS)]
    return numbers if all(type(number) is int for number in numbers) else None
