"""The authors' checkpoints, turned into ours."""

import hashlib
import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, NamedTuple, Optional, Tuple, Union

import torch
from torch import Tensor, nn

from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.models import DifferentiableMutator
from mmdsnas.models.weights import name_of, why_unfit
from mmdsnas.versions import __version__
from .checkpoint import last_lr, number
from .official_names import official_names
from .subnet import block_names

ALPHA = 'log_alpha'
# Published by the authors beside their models.
MD5 = {
    'DSNASsearch240': 'c10b463274a0eac5a5ee47418ff15d34',
    'DSNASretrain240': '459098b27704524927fbd8ed34570103',
    'SPOSretrain240': '3350e439c1f75cbf61c4664c21d821c4',
}

_COUNTER = '.num_batches_tracked'

# Number of a block and of a candidate.
Slot = Tuple[int, int]


class Converted(NamedTuple):
    """A checkpoint of the authors in our form.

    Attributes:
        kind (str): ``'supernet'`` or ``'child'``.
        checkpoint (dict): ``meta`` and ``state_dict``.
        probabilities (dict[str, float], optional): Of the child's candidates
            by block, where it was derived from ``log_alpha``.
    """

    kind: str
    checkpoint: Dict[str, Any]
    probabilities: Optional[Dict[str, float]] = None


def check_md5(path: Union[str, Path], model: str) -> None:
    """Compares a file with the sum that the authors published.

    Args:
        path (str | Path): The file.
        model (str): One of ``MD5``.

    Raises:
        ConfigError: There is no such model.
        CheckpointError: The sum is another one.
    """
    if model not in MD5:
        raise ConfigError(f'--md5 must be one of {", ".join(MD5)}, but is {model!r}.')
    with open(path, 'rb') as file:
        digest = hashlib.file_digest(file, 'md5').hexdigest()
    if digest != MD5[model]:
        raise CheckpointError(
            f'checkpoint {path} has the MD5 sum {digest}, but that of {model} is '
            f'{MD5[model]}.'
        )


def convert_official(
    checkpoint: Mapping[str, Any], architecture: nn.Module, source: Union[str, Path]
) -> Converted:
    """Turns a checkpoint of the authors into one of ours.

    Args:
        checkpoint (Mapping): ``{'epoch', 'state_dict', 'optimizer', ...}`` or
            a bare state dict, with or without ``module.`` before its names.
        architecture (nn.Module): From ``empty_architecture``.
        source (str | Path): Where it came from, for the message.

    Returns:
        Converted: Of a supernet with the names of ``DSNAS``, of a child with
        those of a model built by ``sub_model``. ``meta`` has ``subnet``,
        ``mmdsnas_version``, and ``epoch`` and ``lr`` where they are recorded.

    Raises:
        CheckpointError: A tensor is missing, left over, of another shape or
            not finite; the message names all of them.
        ConfigError: The architecture is not that of the authors.
    """
    weights = _official_weights(checkpoint, source)
    names = official_names(architecture)
    blocks = block_names(architecture)
    own = architecture.state_dict()
    expected = {theirs: own[ours] for theirs, ours in names.items()}

    slots = {_slot(n) for n in weights} & {_slot(n) for n in expected} - {None}
    chosen = [sorted(k for i, k in slots if i == block) for block in range(len(blocks))]
    wrong = []
    if 2 * sum(len(found) > 1 for found in chosen) > len(blocks):
        kind = 'supernet'
        choices = max(len(op.choices) for op in blocks.values())
        expected[ALPHA] = torch.empty(len(blocks), choices)
    else:
        kind = 'child'
        # In child training the authors' alpha is random; the slots tell the child.
        weights.pop(ALPHA, None)
        expected = {
            n: value for n, value in expected.items() if _slot(n) in slots | {None}
        }
        wrong = [
            f'features.{block} has {len(found)} candidates instead of one'
            for block, found in enumerate(chosen)
            if len(found) != 1
        ]
    _add_counters(weights, expected)
    wrong += _misfits(weights, expected)
    if wrong:
        lines = '\n'.join(f'  {line}' for line in wrong)
        raise CheckpointError(
            f"checkpoint {source} is not a {kind} of the authors' network:\n{lines}"
        )

    state_dict = {names[n]: weights[n].detach() for n in expected if n != ALPHA}
    probabilities = None
    if kind == 'supernet':
        alpha = weights[ALPHA].detach()
        state_dict = _of_algorithm(state_dict, alpha, architecture)
        chosen = alpha.argmax(1, keepdim=True).tolist()
        probs = alpha.double().softmax(1).amax(1).tolist()
        probabilities = dict(zip(blocks, probs, strict=True))
    subnet = {
        name: op.choices[found[0]]
        for (name, op), found in zip(blocks.items(), chosen, strict=True)
    }
    meta = dict(subnet=subnet, **_progress(checkpoint), mmdsnas_version=__version__)
    return Converted(kind, dict(meta=meta, state_dict=state_dict), probabilities)


def _official_weights(
    checkpoint: Mapping[str, Any], source: Union[str, Path]
) -> Dict[str, Any]:
    weights = checkpoint
    if isinstance(checkpoint, Mapping):
        weights = checkpoint.get('state_dict', checkpoint)
    if not isinstance(weights, Mapping) or not weights:
        raise CheckpointError(f'checkpoint {source} holds no weights.')
    weights = {name_of(name): value for name, value in weights.items()}
    if all(name.startswith('module.') for name in weights):
        weights = {n.removeprefix('module.'): value for n, value in weights.items()}
    return weights


def _slot(name: str) -> Optional[Slot]:
    found = re.match(r'features\.(\d{1,4})\.(\d{1,4})\.', name)
    return found and (int(found[1]), int(found[2]))


def _add_counters(weights: Dict[str, Tensor], expected: Mapping[str, Tensor]) -> None:
    """PyTorch 0.4.0, which the authors' code allows, had none of them."""
    if not any(name.endswith(_COUNTER) for name in weights):
        weights.update(
            (name, torch.zeros_like(value, device='cpu'))
            for name, value in expected.items()
            if name.endswith(_COUNTER)
        )


def _misfits(weights: Mapping[str, Any], expected: Mapping[str, Tensor]) -> List[str]:
    """What is wrong with the weights, a line each."""
    lines = [f'{name} is missing' for name in expected if name not in weights]
    for name, value in weights.items():
        if name not in expected:
            lines.append(f'{name} is left over')
            continue
        reason = why_unfit(value, expected[name])
        if reason is not None:
            lines.append(f'{name} {reason}')
        elif not value.isfinite().all():
            lines.append(f'{name} has values that are not finite')
    return lines


def _of_algorithm(
    state_dict: Mapping[str, Tensor], alpha: Tensor, architecture: nn.Module
) -> Dict[str, Tensor]:
    """Weights of the architecture and ``log_alpha`` under the names of ``DSNAS``."""
    mutator = DifferentiableMutator()
    mutator.prepare_from_supernet(architecture)
    row = {op: i for i, op in enumerate(block_names(architecture).values())}
    own = {'_fixed': torch.full((len(row),), -1)}
    for group, (op,) in mutator.search_groups.items():
        own[f'_arch_params.{group}'] = alpha[row[op]].clone()
    return {
        **{f'architecture.{name}': value for name, value in state_dict.items()},
        **{f'mutator.{name}': value for name, value in own.items()},
    }


def _progress(checkpoint: Mapping[str, Any]) -> Dict[str, Any]:
    """Epochs done and learning rate, as far as the authors' file has them."""
    progress = {}
    epoch = number(checkpoint.get('epoch'))
    if isinstance(epoch, int):
        progress['epoch'] = epoch
    lr = last_lr(checkpoint)
    if lr is not None:
        progress['lr'] = float(lr)
    return progress
