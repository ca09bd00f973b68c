from logging import INFO, WARNING

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop
from torch import Tensor

from mmdsnas.errors import CheckpointError
from mmdsnas.models import DSNAS
from mmdsnas.models.pretrained import converted, given_by_init_cfg, with_own_head
from mmdsnas.models.weights import (
    add_counters,
    check_weights,
    differences,
    shortened,
    why_unfit,
    without_module,
)
from mmdsnas.registry import HOOKS
from mmdsnas.subnets import child_of_search, child_state_dict, is_of_search
from mmdsnas.subnets.subnet import SEARCH_PREFIX, subnet_of_path
from ..utils import model_of
from .ema_hook import SEARCHED

# What is no weight of the architecture: a search finds it itself.
ANEW = (*SEARCHED, 'input_size')


@HOOKS.register_module()
class LoadFromHook(Hook):
    """Makes of the checkpoint that a run starts with what its model needs.

    A search takes the weights of its architecture alone, from a search, a child or
    any network with the same names; ``alpha``, what is fixed and the multipliers of
    limits begin anew. A child may begin with a checkpoint of a search, which the
    authors call search-from-search. A head of other classes is made anew.

    A checkpoint that has nothing in common with a search is refused, as is one that
    lacks weights of a child, or of the network that ``pretrain_path='first'`` tunes:
    mmengine itself would warn and train what is random.
    """

    def after_load_checkpoint(self, runner, checkpoint: dict) -> None:
        """Replaces what the checkpoint has by what the model takes of it.

        Raises:
            CheckpointError: Its weights do not fit.
        """
        model, path = model_of(runner), runner._load_from
        own, weights = model.state_dict(), without_module(checkpoint['state_dict'])
        begins = isinstance(runner._train_loop, BaseLoop) and not runner._resume
        if not isinstance(model, DSNAS) and is_of_search(checkpoint):
            weights = child_of_search(weights, model)
        elif begins and isinstance(model, DSNAS):
            checkpoint['state_dict'] = _begin_anew(runner, weights)
            return
        elif not own.keys() & (given := _converted(runner, weights)).keys():
            raise _other_model(path, weights)
        elif begins:
            weights = given
        else:
            # A test, and a resumed run, take all.
            return
        if begins:
            add_counters(own, weights)
            weights = with_own_head(model, weights)
        check_weights(own, weights, path)
        checkpoint['state_dict'] = weights


def _converted(runner, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    try:
        return converted(model_of(runner), weights)
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {runner._load_from}: {error}') from error


def _begin_anew(runner, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The architecture's weights that fit, and what the model has of all others."""
    model = model_of(runner)
    own = model.state_dict()
    if not own.keys() & given.keys():
        given = {f'{SEARCH_PREFIX}{name}': w for name, w in given.items()}
    given = _converted(runner, given)
    kept = with_own_head(model.architecture, given, SEARCH_PREFIX)
    made = {name for name, weight in kept.items() if given.get(name) is not weight}
    # By their names alone, alpha and its like are those of any search.
    given, wanted = (
        {n: w for n, w in part.items() if n not in made and not n.startswith(ANEW)}
        for part in (given, own)
    )
    fit = {n: w for n, w in given.items() if n in own and why_unfit(w, own[n]) is None}
    if not fit:
        raise _other_model(runner._load_from, given)
    left = differences(wanted, given)
    _check_first_path(runner, wanted, given)
    unfit = f', nor what does not fit: {shortened(left)}' if left else ''
    runner.logger.log(
        WARNING if left else INFO,
        f'The search begins anew on {len(fit)} of {len(wanted)} weights, those of '
        f'load_from={runner._load_from}; alpha, fixed blocks and multipliers of limits '
        f'are not taken over{unfit}.',
    )
    return {**own, **fit}


def _check_first_path(
    runner, wanted: dict[str, Tensor], given: dict[str, Tensor]
) -> None:
    """Refuses to tune, and to learn from, a network whose weights are in part random.

    Those that ``init_cfg`` gives are not, and a head may be made anew.
    """
    model = model_of(runner)
    if model.pretrain_path != 'first' or not model.pretrain_epochs:
        return
    path = subnet_of_path(model, model.first_path())
    first = {SEARCH_PREFIX + n for n in child_state_dict(model.architecture, path)}
    known = (f'{SEARCH_PREFIX}head.', *given_by_init_cfg(model))
    wanted = {n: w for n, w in wanted.items() if n in first and not n.startswith(known)}
    found = {n: w for n, w in given.items() if n in wanted}
    add_counters(wanted, found)
    if left := differences(wanted, found):
        raise CheckpointError(
            f'load_from={runner._load_from} must have all weights of the first '
            "candidates, which model.pretrain_path='first' trains first, unless "
            f'init_cfg gives them, but {shortened(left)}; a child has those of its own '
            'candidates alone.'
        )


def _other_model(path: str, weights: dict[str, Tensor]) -> CheckpointError:
    return CheckpointError(
        f'checkpoint {path} has no weight of this model, but e.g. '
        f'{next(iter(weights), "none at all")}; files of the authors are converted by '
        'tools/model_converters/convert_official.py.'
    )
