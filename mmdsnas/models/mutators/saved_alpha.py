"""Makes what a checkpoint has for a mutator ready for loading."""

from typing import Dict, Mapping, Sequence

import torch
from torch import Tensor

from mmdsnas.errors import CheckpointError
from mmdsnas.models.weights import why_unfit


def prepare_state_dict(
    state_dict: Dict[str, Tensor],
    prefix: str,
    alphas: Mapping[str, Tensor],
    choices: Mapping[str, Sequence[str]],
) -> None:
    """Adapts what MMRazor saved and checks which groups are fixed.

    MMRazor has no record of what is fixed, and before its version 1.0.0 its groups
    were ``arch_params.0``, ``arch_params.1``, ... instead of
    ``_arch_params.module_0``, ... Names that do not fit one by one stay as they are,
    for the usual report of missing and unexpected names.

    Args:
        state_dict (dict[str, Tensor]): Changed in place.
        prefix (str): What the mutator's names start with.
        alphas (Mapping[str, Tensor]): The mutator's own, by group.
        choices (Mapping[str, Sequence[str]]): Candidates by group.

    Raises:
        CheckpointError: A group is fixed to a candidate that it does not have, or
            ``alpha`` is not finite.
    """
    none = torch.full((len(choices),), -1)
    fixed = state_dict.setdefault(f'{prefix}_fixed', none)
    if why_unfit(fixed, none) is None:
        for (name, candidates), k in zip(choices.items(), fixed.tolist()):
            if not -1 <= k < len(candidates):
                raise CheckpointError(
                    f'{prefix}_fixed must be -1 or the index of one of the '
                    f'{len(candidates)} candidates of {name}, but is {k}.'
                )

    older = {f'{prefix}arch_params.{i}': name for i, name in enumerate(alphas)}
    found = {n for n in state_dict if n.startswith(f'{prefix}arch_params.')}
    if (
        found == set(older)
        and not any(n.startswith(f'{prefix}_arch_params.') for n in state_dict)
        and not any(why_unfit(state_dict[o], alphas[n]) for o, n in older.items())
    ):
        for theirs, name in older.items():
            state_dict[f'{prefix}_arch_params.{name}'] = state_dict.pop(theirs)
    for name, own in alphas.items():
        key = f'{prefix}_arch_params.{name}'
        alpha = state_dict.get(key)
        # What does not fit is for the usual report.
        if alpha is None or why_unfit(alpha, own) is not None:
            continue
        if not alpha.isfinite().all():
            raise CheckpointError(f'{key} must be finite, but is {alpha.tolist()}.')
