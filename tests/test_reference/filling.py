"""The authors' numbers, and weights filled by the rule in tests/data/README.md."""

import json
import zlib
from math import prod
from pathlib import Path
from typing import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

REFERENCE = json.loads(
    (Path(__file__).resolve().parents[1] / 'data' / 'official_dsnas.json').read_text()
)
CASES = REFERENCE['cases']
TOLERANCE = dict(rtol=1e-9, atol=1e-9)


def random_state(tag: str) -> np.random.RandomState:
    """The source of the numbers of one tensor."""
    return np.random.RandomState(zlib.crc32(tag.encode()))


def filled(salt: str, name: str, shape: Sequence[int]) -> Tensor:
    """The tensor of a name, in float64."""
    if name.endswith('num_batches_tracked'):
        return torch.zeros(shape, dtype=torch.long)
    value = torch.from_numpy(random_state(f'{salt}/{name}').standard_normal(shape))
    if name == 'log_alpha':
        return value
    if name.endswith('running_var'):
        return 1 + 0.1 * value.abs()
    if name.endswith('running_mean'):
        return 0.1 * value
    if len(shape) == 1:
        return 1 + 0.1 * value if name.endswith('weight') else 0.1 * value
    return value / prod(shape[1:]) ** 0.5


def official_weights(
    salt: str, shapes: Mapping[str, Sequence[int]] = REFERENCE['shapes']
) -> dict[str, Tensor]:
    """A state dict with the authors' names."""
    return {name: filled(salt, name, shape) for name, shape in shapes.items()}


def images(case: dict) -> Tensor:
    """The batch of a case, in float64."""
    shape = (case['batch'], 3, 224, 224)
    return torch.from_numpy(
        random_state(f'{case["salt"]}/input').standard_normal(shape)
    )


def assert_logits(logits: Tensor, case: dict) -> None:
    """Compares logits of the path of a case with the authors'."""
    expected = torch.tensor(case['eval_logits_first8'], dtype=torch.float64)
    torch.testing.assert_close(logits[:, :8], expected, **TOLERANCE)
    for value, key in (
        (logits.sum(), 'eval_logits_sum'),
        (logits.abs().sum(), 'eval_logits_abs_sum'),
    ):
        assert abs(value.item() - case[key]) <= 1e-9 * max(1, abs(case[key])), key
