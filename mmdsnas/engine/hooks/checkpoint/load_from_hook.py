from logging import INFO, WARNING

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop
from torch import Tensor

from mmdsnas.errors import CheckpointError
from mmdsnas.models import DSNAS
from mmdsnas.models.pretrained import converted, with_own_head
from mmdsnas.models.weights import (
    check_weights,
    differences,
    shortened,
    why_unfit,
    without_module,
)
from mmdsnas.registry import HOOKS
from mmdsnas.subnets import child_of_search, is_of_search
from mmdsnas.subnets.subnet import SEARCH_PREFIX
from ..utils import model_of
from .ema_hook import SEARCHED


@HOOKS.register_module()
class LoadFromHook(Hook):
    """Makes of the checkpoint that a run starts with what its model needs.

    A search takes the weights of its architecture alone, from a search, a child or
    any network with the same names; ``alpha``, what is fixed and the multipliers of
    limits begin anew. A child may begin with a checkpoint of a search, which the
    authors call search-from-search. A checkpoint that has nothing in common with the
    model is refused; mmengine itself would warn and train from scratch.
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
            weights = checkpoint['state_dict'] = child_of_search(weights, model)
            check_weights(own, weights, path)
        # A test, and a resumed run, take all.
        elif begins and isinstance(model, DSNAS):
            checkpoint['state_dict'] = _begin_anew(runner, weights)
        elif not own.keys() & _converted(runner, weights).keys():
            raise _other_model(path, weights)
        elif begins:
            kept = with_own_head(model, weights)
            if any(kept[name] is not weights[name] for name in weights):
                checkpoint['state_dict'] = kept


def _converted(runner, weights: dict[str, Tensor]) -> dict[str, Tensor]:
    try:
        return converted(model_of(runner), weights)
    except CheckpointError as error:
        raise CheckpointError(f'checkpoint {runner._load_from}: {error}') from error


def _begin_anew(runner, given: dict[str, Tensor]) -> dict[str, Tensor]:
    """The architecture's weights that fit, and what the model has of all others."""
    own = model_of(runner).state_dict()
    if not own.keys() & given.keys():
        given = {f'{SEARCH_PREFIX}{name}': w for name, w in given.items()}
    given = _converted(runner, given)
    # By their names alone, alpha and its like are those of any search.
    given, wanted = (
        {n: w for n, w in weights.items() if not n.startswith(SEARCHED)}
        for weights in (given, own)
    )
    fit = {n: w for n, w in given.items() if n in own and why_unfit(w, own[n]) is None}
    if not fit:
        raise _other_model(runner._load_from, given)
    left = differences(wanted, given)
    unfit = f', nor what does not fit: {shortened(left)}' if left else ''
    runner.logger.log(
        WARNING if left else INFO,
        f'The search begins anew on {len(fit)} of {len(wanted)} weights, those of '
        f'load_from={runner._load_from}; alpha, fixed blocks and multipliers of limits '
        f'are not taken over{unfit}.',
    )
    return {**own, **fit}


def _other_model(path: str, weights: dict[str, Tensor]) -> CheckpointError:
    return CheckpointError(
        f'checkpoint {path} has no weight of this model, but e.g. '
        f'{next(iter(weights), "none at all")}; files of the authors are converted by '
        'tools/model_converters/convert_official.py.'
    )
