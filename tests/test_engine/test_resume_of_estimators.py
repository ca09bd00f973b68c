"""Gradient estimators across checkpoints: what they keep, and their random numbers."""

import pytest
import torch

from tests.test_engine.test_exact_resume_hook import checkpoint, run, tensors
from tests.toy_run import search_of

BASELINE = 'gradient_estimator.baseline'
EMA = dict(type='EMAHook', update_buffers=True)


def model(estimator):
    return search_of(gradient_estimator=dict(type=estimator))


@pytest.mark.parametrize(
    'estimator',
    [
        'ScoreFunctionGradient',
        'PairedGradient',
        'CounterfactualGradient',
        'SNASGradient',
    ],
)
def test_a_resumed_search_is_the_same(tmp_path, estimator):
    first, second = tmp_path / 'first', tmp_path / 'second'
    first.mkdir()
    second.mkdir()
    run(first, model=model(estimator), more=[EMA])
    run(second, first / 'work' / 'epoch_1.pth', model=model(estimator), more=[EMA])
    expected = dict(tensors(checkpoint(first)))
    found = dict(tensors(checkpoint(second)))
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        if isinstance(value, torch.Tensor):
            assert torch.equal(found[name].nan_to_num(), value.nan_to_num()), name


def test_the_moving_baseline_is_saved_and_not_averaged(tmp_path):
    run(tmp_path, model=model('ScoreFunctionGradient'), more=[EMA])
    before, searched = (checkpoint(tmp_path, epoch) for epoch in (1, 2))
    assert before['state_dict'][BASELINE].isnan()
    assert searched['state_dict'][BASELINE] > 0
    averaged = [n for n in searched['ema_state_dict'] if n.endswith(BASELINE)]
    own = searched['state_dict'][BASELINE]
    assert all(torch.equal(searched['ema_state_dict'][n], own) for n in averaged)
