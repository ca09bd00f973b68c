"""The authors' checkpoints, turned into ours.

The authors number the blocks over all stages and keep four slots in each, of which a
child fills one: ``features.I.POS.branch_main.0.weight``.
"""

import hashlib
import re
from pathlib import Path
from typing import Any, Mapping

import torch
from mmengine.registry import DefaultScope
from torch import Tensor, nn

from mmdsnas.errors import CheckpointError, ConfigError
from mmdsnas.models import DifferentiableMutator
from mmdsnas.models.architecture import build_architecture
from mmdsnas.models.weights import differences, why_unfit, without_module
from mmdsnas.versions import __version__
from .metadata import last_lr, meta_of
from .subnet import SEARCH_PREFIX, block_names

ALPHA = 'log_alpha'
# Published by the authors beside their models.
MD5 = {
    'DSNASsearch240': 'c10b463274a0eac5a5ee47418ff15d34',
    'DSNASretrain240': '459098b27704524927fbd8ed34570103',
    'SPOSretrain240': '3350e439c1f75cbf61c4664c21d821c4',
}
# Layers outside the blocks: our module, that of the authors.
_LAYERS = (
    (r'backbone\.conv1\.conv\.', 'first_conv.0.'),
    (r'backbone\.conv1\.bn\.', 'first_conv.1.'),
    (r'backbone\.layers\.\d+\.conv\.', 'conv_last.0.'),
    (r'backbone\.layers\.\d+\.bn\.', 'conv_last.1.'),
    (r'head\.fc\.(?=weight$)', 'classifier.0.'),
)
_COUNTER = '.num_batches_tracked'


def empty_architecture(model_cfg: Mapping[str, Any]) -> nn.Module:
    """The supernet of a search's or child's config without memory for its weights.

    Raises:
        ConfigError: It is the config of something else.
    """
    architecture = model_cfg.get('architecture') or model_cfg.get('cfg')
    if architecture is None:
        raise ConfigError(
            '--config must be that of a search or of its child, but its model is a '
            f'{model_cfg.get("type")}.'
        )
    with DefaultScope.overwrite_default_scope('mmdsnas'), torch.device('meta'):
        return build_architecture(architecture)


def official_names(architecture: nn.Module) -> dict[str, str]:
    """Our names of the weights of a supernet by the authors', in the model's order.

    Raises:
        ConfigError: The architecture is not that of the authors.
    """
    modules = [
        (re.escape(f'{block}._candidates.{choice}.'), f'features.{i}.{k}.')
        for i, (block, op) in enumerate(block_names(architecture).items())
        for k, choice in enumerate(op.choices)
    ]
    modules += _LAYERS
    names = {}
    for ours in architecture.state_dict():
        found = ((re.match(known, ours), theirs) for known, theirs in modules)
        theirs = next((t + ours[m.end() :] for m, t in found if m), None)
        if theirs is None:
            raise ConfigError(
                "--config must be that of the authors' network, a config of "
                f'dsnas_official, but its network has a weight {ours}.'
            )
        names[theirs] = ours
    return names


def check_md5(path: str | Path, model: str) -> None:
    """Compares a file with the sum in ``MD5`` that the authors published of a model.

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
    checkpoint: Mapping[str, Any], architecture: nn.Module, source: str | Path
) -> tuple[dict[str, Any], dict[str, float] | None]:
    """Turns a checkpoint of the authors into one of ours.

    Args:
        checkpoint (Mapping): ``{'epoch', 'state_dict', 'optimizer', ...}`` or
            a bare state dict, with or without ``module.`` before its names.
        architecture (nn.Module): From ``empty_architecture``.
        source (str | Path): Where it came from, for the message.

    Returns:
        tuple[dict, dict[str, float] | None]: ``meta`` and ``state_dict``, of a
        supernet with the names of ``DSNAS`` and else with those of ``sub_model``; and
        of a supernet the probabilities of its child by block.

    Raises:
        CheckpointError: A tensor is missing, left over, of another shape or
            not finite; the message names all of them.
        ConfigError: The architecture is not that of the authors.
    """
    found = checkpoint if isinstance(checkpoint, Mapping) else {}
    weights = found.get('state_dict', found)
    if not isinstance(weights, Mapping) or not weights:
        raise CheckpointError(f'checkpoint {source} holds no weights.')
    weights = without_module(weights)
    names, blocks = official_names(architecture), block_names(architecture)
    own = architecture.state_dict()
    expected = {theirs: own[ours] for theirs, ours in names.items()}

    slots = {_slot(n) for n in weights} & {_slot(n) for n in expected} - {None}
    chosen = [sorted(k for i, k in slots if i == block) for block in range(len(blocks))]
    is_supernet = 2 * sum(len(found) > 1 for found in chosen) > len(blocks)
    wrong = []
    if is_supernet:
        choices = max(len(op.choices) for op in blocks.values())
        expected[ALPHA] = torch.empty(len(blocks), choices, device='meta')
    else:
        # In child training the authors' alpha is random; the slots tell the child.
        weights.pop(ALPHA, None)
        expected = {n: w for n, w in expected.items() if _slot(n) in slots | {None}}
        wrong += [
            f'features.{block} has {len(found)} candidates instead of one'
            for block, found in enumerate(chosen)
            if len(found) != 1
        ]
    if not any(name.endswith(_COUNTER) for name in weights):
        # PyTorch 0.4.0, which the authors' code allows, had none of them.
        counters = [name for name in expected if name.endswith(_COUNTER)]
        weights.update((name, torch.tensor(0)) for name in counters)
    wrong += differences(expected, weights)
    wrong += [
        f'{name} has values that are not finite'
        for name, value in weights.items()
        if name in expected
        and why_unfit(value, expected[name]) is None
        and not value.isfinite().all()
    ]
    if wrong:
        kind, lines = 'supernet' if is_supernet else 'child', '\n  '.join(wrong)
        raise CheckpointError(
            f"checkpoint {source} is not a {kind} of the authors' network:\n  {lines}"
        )

    state_dict = {names[n]: weights[n].detach() for n in expected if n != ALPHA}
    probabilities = None
    if is_supernet:
        alpha = weights[ALPHA].detach()
        state_dict = _of_algorithm(state_dict, alpha, architecture)
        chosen = alpha.argmax(1, keepdim=True).tolist()
        probs = alpha.double().softmax(1).amax(1).tolist()
        probabilities = dict(zip(blocks, probs, strict=True))
    found = zip(blocks.items(), chosen, strict=True)
    meta = dict(
        subnet={name: op.choices[numbers[0]] for (name, op), numbers in found},
        epoch=checkpoint.get('epoch'),
        lr=last_lr(checkpoint),
        mmdsnas_version=__version__,
    )
    return dict(meta=meta_of(dict(meta=meta)), state_dict=state_dict), probabilities


def _slot(name: str) -> tuple[int, int] | None:
    """The number of a block and that of a candidate."""
    found = re.match(r'features\.(\d{1,4})\.(\d{1,4})\.', name)
    return found and (int(found[1]), int(found[2]))


def _of_algorithm(
    state_dict: Mapping[str, Tensor], alpha: Tensor, architecture: nn.Module
) -> dict[str, Tensor]:
    """Weights of the architecture and ``log_alpha`` under the names of ``DSNAS``."""
    mutator = DifferentiableMutator()
    mutator.prepare_from_supernet(architecture)
    row = {op: i for i, op in enumerate(block_names(architecture).values())}
    found = {f'{SEARCH_PREFIX}{name}': value for name, value in state_dict.items()}
    found['mutator._fixed'] = torch.full((len(row),), -1)
    for group, (op,) in mutator.search_groups.items():
        found[f'mutator._arch_params.{group}'] = alpha[row[op]].clone()
    return found
