"""What a checkpoint says of its run, so that another one can go on exactly.

=========================  =====================================================
state                      where it is
=========================  =====================================================
weights, ``alpha``, fixed  ``state_dict``; BatchNorm statistics as the mean over
blocks, multipliers of     ranks (``AverageBNStatsHook``)
limits, statistics
averaged weights           ``ema_state_dict`` (``EMAHook``)
optimizers, loss scaler    ``optimizer``
schedules                  ``param_schedulers``
history of the logs, best  ``message_hub``
scores, skipped steps
epoch, iteration, seed     ``meta``
stage                      a function of the epoch (``DSNAS.stage_of``)
random states              none is kept: those of an epoch are a function of seed,
                           epoch and rank (``ExactResumeHook``), a path one of
                           seed, iteration and rank (``DSNAS``)
waiting gradients          there are none: accumulation ends with an epoch
=========================  =====================================================

What all this presumes is in ``meta['run']``, see :func:`run_state`.
"""

from typing import Any, Iterable, Iterator

import torch
from mmengine.device import get_device
from mmengine.dist import get_world_size
from mmengine.hooks import EMAHook
from mmengine.runner import Runner

from mmdsnas.errors import CheckpointError
from mmdsnas.models import DSNAS
from mmdsnas.subnets.metadata import RunState, SearchGroup
from mmdsnas.utils.plain import plain
from ..stage.held_out_batch_hook import HeldOutBatchHook
from ..utils import model_of

COST, SCHEDULES = 'cost.', 'param_scheduler'
COST_OPTIONS = ('limits', 'form', 'weight', 'count_fixed_part')

# What a schedule has beside the options of its config.
PROGRESS = ('_global_step', 'last_step', '_last_value')
# Of one that follows a metric.
PROGRESS += ('best', 'num_bad_epochs', 'cooldown_counter')


def run_state(runner: Runner, epochs: int) -> RunState:
    """What the exactness of a resume depends on, after at least one epoch."""
    loader = runner.train_dataloader
    setting = dict(
        world_size=get_world_size(),
        iterations_per_epoch=len(loader),
        batch_size=getattr(loader.batch_sampler, 'batch_size', None),
        num_workers=loader.num_workers,
        device=get_device().split(':')[0],
        torch=torch.__version__,
        ema=any(isinstance(hook, EMAHook) for hook in runner.hooks),
    )
    found = (runner.cfg.get('own_images') or {}).get('found')
    if found:
        setting['images'] = {k: dict(plain(n)) for k, n in found['images'].items()}
    parts = {n: runner.cfg.get(n) for n in ('optim_wrapper', 'param_scheduler')}
    state = dict(setting=setting, options=dict(_flat(plain(parts))))
    model = model_of(runner)
    if not isinstance(model, DSNAS):
        return state
    setting.update(
        pretrain_epochs=model.pretrain_epochs,
        finetune_epochs=model.finetune_epochs,
        share_path=model.share_path,
        gradient_estimator=type(model.gradient_estimator).__name__,
        held_out_batches=any(isinstance(h, HeldOutBatchHook) for h in runner.hooks),
    )
    term = model.cost_term
    if term.limits:
        setting.update({f'{COST}{n}': getattr(term, n) for n in COST_OPTIONS})
    state.update(
        stage=model.stage_of(epochs - 1).value,
        fixed=model.mutator.fixed,
        search_space={
            name: dict(blocks=list(blocks), choices=list(model.mutator.choices(name)))
            for name, blocks in model.cost_table.groups.items()
        },
    )
    return state


def without_limits(state: RunState) -> RunState:
    """Leaves out what is another one for each child of several limits."""
    left = {
        part: {n: v for n, v in state[part].items() if not n.startswith(names)}
        for part, names in (('setting', COST), ('options', SCHEDULES))
    }
    return {**state, **left}


def _flat(value: Any, name: str = '') -> Iterator[tuple[str, Any]]:
    if isinstance(value, (dict, list)):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        for key, part in parts:
            yield from _flat(part, f'{name}.{key}' if name else str(key))
    else:
        yield name, value


def changed(saved: RunState, now: RunState) -> tuple[list[str], list[str]]:
    """What makes a resumed run another one, in words; and options without effect."""
    effective = changed_values(saved['setting'], now['setting'])
    void = []
    for told in changed_values(saved['options'], now['options']):
        name = told.partition(' was ')[0]
        kept = '.optimizer.' in name or name.startswith(SCHEDULES)
        (void if kept else effective).append(told)
    return effective, void


def changed_values(saved: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """What differs between two dicts, in words: ``'lr was 0.1 and is 0.2'``."""
    return [
        f'{name} was {saved.get(name)} and is {now.get(name)}'
        for name in {**saved, **now}
        if saved.get(name) != now.get(name)
    ]


def check_search_space(
    saved: dict[str, SearchGroup], own: dict[str, SearchGroup], path: str
) -> None:
    """Raises a ``CheckpointError`` with the first difference of search groups."""
    if saved == own:
        return
    theirs, ours = (
        {name: ', '.join(g['choices']) for g in groups.values() for name in g['blocks']}
        for groups in (saved, own)
    )
    told = changed_values(theirs, ours) or [
        'other blocks share one alpha; see mutator.custom_groups and the aliases of '
        'blocks'
    ]
    raise CheckpointError(f'checkpoint {path} is of another search space: {told[0]}.')


def check_distillation(weights: Iterable[str], model: DSNAS, path: str) -> None:
    """Raises a ``CheckpointError`` if a search has soft labels and the other has none.

    Args:
        weights (Iterable[str]): Names in the checkpoint, whose file is ``path``.
        model (DSNAS): The search that goes on.
        path (str): Where the checkpoint is.
    """
    had = any(name.startswith('soft_labels.') for name in weights)
    has = model.soft_labels is not None
    if had != has:
        words = 'None', 'given'
        raise CheckpointError(
            f'model.distillation must be {words[had]} to resume {path}, as in its run, '
            f'but is {words[has]}; a new run takes the weights by load_from.'
        )


def rescale_progress(checkpoint: dict[str, Any], iterations_per_epoch: int) -> None:
    """Counts a checkpoint's iterations in those of epochs of another length.

    The schedules that count iterations keep what the run's config says of their length,
    and go on where they would be after as many epochs.
    """
    meta = checkpoint['meta']
    before, meta['iter'] = meta['iter'], meta['epoch'] * iterations_per_epoch
    for state in _schedules(checkpoint):
        if state['by_epoch'] or not before:
            continue
        ratio, begin, last = meta['iter'] / before, state['begin'], state['last_step']
        # It counts from where the schedule begins, -1 before that.
        if last >= 0:
            last = round((begin + last) * ratio) - round(begin * ratio)
        step = round(state['_global_step'] * ratio)
        _keep_progress(state, _global_step=step, last_step=last)


def use_own_lengths(checkpoint: dict[str, Any]) -> None:
    """Lets the schedules go on with the lengths that the run's own config has."""
    for state in _schedules(checkpoint):
        _keep_progress(state)


def _schedules(checkpoint: dict[str, Any]) -> list[dict[str, Any]]:
    found = checkpoint.get('param_schedulers', [])
    if isinstance(found, dict):
        return [state for states in found.values() for state in states]
    return found


def _keep_progress(state: dict[str, Any], **changed: int) -> None:
    """Leaves of a schedule's state what its config does not say."""
    kept = {name: state[name] for name in PROGRESS if name in state}
    state.clear()
    state.update(kept | changed)
