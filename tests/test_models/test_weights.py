"""Weights that are not those of a model."""

import pytest
import torch

from mmdsnas.errors import CheckpointError
from mmdsnas.models.weights import load_weights, why_unfit
from tests.toy import prepared, smooth_net


@pytest.mark.parametrize('value', [float('nan'), float('inf')])
def test_alpha_that_is_not_finite_is_refused_and_nothing_is_loaded(value):
    mutator = prepared(smooth_net())
    before = {n: v.clone() for n, v in mutator.state_dict().items()}
    weights = {n: v.clone() + 1 for n, v in before.items()}
    weights['_fixed'] -= 1
    weights['_arch_params.module_1'][0] = value
    message = f'x.pth: _arch_params.module_1 must be finite, but is .{value}'
    with pytest.raises(CheckpointError, match=message):
        load_weights(mutator, dict(state_dict=weights), 'x.pth')
    for name, own in mutator.state_dict().items():
        assert torch.equal(own, before[name])


@pytest.mark.parametrize(
    'value, reason',
    [
        ([0.0, 0.0], 'is a list instead of a tensor'),
        (torch.zeros(3), r'has shape (3,) instead of (2,)'),
        (torch.zeros(2).to_sparse(), 'is a sparse tensor instead of a dense one'),
        (torch.zeros(2).long(), 'has type torch.int64 instead of a floating one'),
        (torch.zeros(2, device='meta'), 'has no values'),
        (torch.zeros(2).bfloat16(), None),
    ],
)
def test_why_a_value_does_not_fit(value, reason):
    assert why_unfit(value, torch.zeros(2)) == reason
