"""How far a search came: the one place that says whether it is done."""

from logging import WARNING
from pathlib import Path
from typing import Any, Mapping

from mmengine.logging import print_log

from mmdsnas.models import Stage
from .checkpoint import load_checkpoint
from .metadata import meta_of


def what_is_missing(meta: Mapping[str, Any]) -> str | None:
    """What a search lacks of being done.

    It follows 'is not finished: '. None: it is done, or the ``meta`` of its checkpoint
    does not tell.
    """
    if not _tells(meta):
        return None
    epoch, plan = meta['epoch'], meta['plan']
    last, finetune = plan['max_epochs'], plan['finetune_epochs']
    searched = plan['pretrain_epochs'] < min(epoch, finetune)
    has_child = searched or (bool(plan.get('selects')) and epoch > finetune)
    stage = Stage.of(max(epoch - 1, 0), plan['pretrain_epochs'], finetune)
    if epoch < last:
        reason = f'it has done {epoch} of {last} epochs, in the {stage.value} stage; '
        remedy = '--resume goes on'
    elif epoch < finetune:
        reason = (
            f'train_cfg.max_epochs is {last}, but the finetune stage begins after '
            f'model.finetune_epochs, {finetune}; '
        )
        remedy = '--resume with a larger train_cfg.max_epochs goes on'
    elif not has_child:
        reason, remedy = '', 'see model.pretrain_epochs and model.finetune_epochs'
    else:
        return None
    if not has_child:
        child = 'no epoch trained alpha, so the child is what its initial values say'
    elif stage is Stage.FINETUNE:
        child = 'the child is chosen, but not trained to the end'
    else:
        child = 'not all blocks are fixed, so the child is the likeliest so far'
    return f'{reason}{child}; {remedy}'


def _tells(meta: Mapping[str, Any]) -> bool:
    return {'epoch', 'plan'} <= meta_of(dict(meta=meta)).keys()


def how_it_ended(meta: Mapping[str, Any]) -> str:
    """A sentence on the end of a search; empty if ``meta`` does not tell."""
    missing = what_is_missing(meta)
    if missing is not None:
        return f'The search is not finished: {missing}.'
    return 'The search is done.' if _tells(meta) else ''


def is_finished(file: Path, like: Path) -> bool:
    """Whether the child in a file is that of a finished run, with all that another has.

    Args:
        file (Path): ``subnet.pth`` of the run, if it is there.
        like (Path): That of the other run, whose child may have been tested.
    """
    if not file.is_file():
        return False
    meta, wanted = (meta_of(load_checkpoint(path)) for path in (file, like))
    tested = 'test_metrics' in meta or 'test_metrics' not in wanted
    return tested and what_is_missing(meta) is None


def warn_of_unfinished(checkpoint: Mapping[str, Any], path: str | Path) -> None:
    """Warns whoever uses a child, of the file ``path``, whose search is not done."""
    missing = what_is_missing(meta_of(checkpoint))
    if missing is not None:
        told = f'The search that {path} comes from is not finished: {missing}.'
        print_log(told, 'current', WARNING)
