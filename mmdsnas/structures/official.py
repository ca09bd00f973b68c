"""The authors' checkpoints: their names, and what they are called here."""

import hashlib
import re
from pathlib import Path
from typing import Any, Dict, List, Mapping, Optional, Tuple, Union

from torch import Tensor

from mmdsnas.errors import CheckpointError, ConfigError

STAGES = (4, 4, 8, 4)
NUM_BLOCKS = sum(STAGES)
CANDIDATES = ('shuffle_3x3', 'shuffle_5x5', 'shuffle_7x7', 'shuffle_xception')
ALPHA = 'log_alpha'
# Published by the authors beside the models.
MD5 = {
    'DSNASsearch240': 'c10b463274a0eac5a5ee47418ff15d34',
    'DSNASretrain240': '459098b27704524927fbd8ed34570103',
    'SPOSretrain240': '3350e439c1f75cbf61c4664c21d811c4',
}

_STEM = re.compile(r'(first_conv|conv_last)\.([01])\.(\w+)$')
_BLOCK = re.compile(r'features\.(\d+)\.([0-3])\.(.+)$')


def block_name(index: int) -> str:
    """Name of a block, counted from 0 over all stages, in our backbone."""
    for stage, blocks in enumerate(STAGES):
        if index < blocks:
            return f'backbone.layers.{stage}.{index}'
        index -= blocks
    raise ValueError(f'there are {NUM_BLOCKS} blocks')


def our_name(name: str) -> Optional[str]:
    """Our name of a weight of the authors, None if it is not one of theirs."""
    stem = _STEM.match(name)
    if stem:
        place = 'conv1' if stem[1] == 'first_conv' else f'layers.{len(STAGES)}'
        return f'backbone.{place}.{("conv", "bn")[int(stem[2])]}.{stem[3]}'
    if name == 'classifier.0.weight':
        return 'head.fc.weight'
    block = _BLOCK.match(name)
    if block and int(block[1]) < NUM_BLOCKS:
        candidate = CANDIDATES[int(block[2])]
        return f'{block_name(int(block[1]))}._candidates.{candidate}.{block[3]}'
    return None


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
    digest = hashlib.md5(Path(path).read_bytes(), usedforsecurity=False).hexdigest()
    if digest != MD5[model]:
        raise CheckpointError(
            f'checkpoint {path} has the MD5 sum {digest}, but that of {model} is '
            f'{MD5[model]}.'
        )


def official_weights(checkpoint: Mapping[str, Any]) -> Dict[str, Any]:
    """Weights of the authors without wrappers and ``module.`` prefixes."""
    weights = checkpoint.get('state_dict', checkpoint)
    return {name.removeprefix('module.'): value for name, value in weights.items()}


def translate(
    weights: Mapping[str, Tensor], path: str
) -> Tuple[Dict[str, Tensor], Optional[Tensor]]:
    """Renames the authors' weights.

    Args:
        weights (Mapping[str, Tensor]): From :func:`official_weights`.
        path (str): Where they came from, for the message.

    Returns:
        tuple: Weights under the names of our architecture, and ``log_alpha``
        of shape ``(20, 4)``, None if there is none.

    Raises:
        CheckpointError: A name is not one of the authors' network.
    """
    weights = dict(weights)
    alpha = weights.pop(ALPHA, None)
    if alpha is not None and tuple(getattr(alpha, 'shape', ())) != (
        NUM_BLOCKS,
        len(CANDIDATES),
    ):
        raise CheckpointError(
            f'checkpoint {path}: {ALPHA} is to have shape {(NUM_BLOCKS, 4)}, but has '
            f'{tuple(getattr(alpha, "shape", ()))}.'
        )
    names = {name: our_name(name) for name in weights}
    unknown = [name for name, ours in names.items() if ours is None]
    if unknown or not weights:
        what = (
            f"are not of the authors' network: {', '.join(map(str, unknown))}"
            if unknown
            else 'are missing'
        )
        raise CheckpointError(f'checkpoint {path}: weights {what}.')
    return {names[name]: value for name, value in weights.items()}, alpha


def subnet_of_alpha(alpha: Tensor) -> Dict[str, str]:
    """The most probable candidate of each block."""
    return subnet_of_indices(alpha.argmax(1).tolist())


def subnet_of_indices(indices: List[int]) -> Dict[str, str]:
    """A published architecture, e.g. ``[0, 0, 3, ...]``, by block.

    Args:
        indices (list[int]): Candidate of each of the 20 blocks.
    """
    return {block_name(i): CANDIDATES[k] for i, k in enumerate(indices)}


def subnet_of_slots(weights: Mapping[str, Tensor], path: str) -> Dict[str, str]:
    """The subnet of a child, told by the slots that its weights are in.

    Args:
        weights (Mapping[str, Tensor]): From :func:`translate`.
        path (str): Where they came from, for the message.

    Raises:
        CheckpointError: A block has no slot or several.
    """
    subnet = {}
    for name in map(block_name, range(NUM_BLOCKS)):
        slots = [
            candidate
            for candidate in CANDIDATES
            if any(w.startswith(f'{name}._candidates.{candidate}.') for w in weights)
        ]
        if len(slots) != 1:
            raise CheckpointError(
                f'checkpoint {path}: a child has one candidate in each block, but '
                f'block {name} has {", ".join(slots) or "none"}.'
            )
        subnet[name] = slots[0]
    return subnet
