"""Gradient estimators across checkpoints: what they keep, and their random numbers."""

import pytest
import torch

from tests.test_engine.test_exact_resume_hook import checkpoint, resumed_is_whole, run
from tests.toy_run import search_of

NAMES = 'ScoreFunction', 'Paired', 'Counterfactual', 'SNAS', 'Additive'
BASELINE = 'gradient_estimator.baseline'
EMA = dict(type='EMAHook', update_buffers=True)


def model(estimator):
    return search_of(gradient_estimator=dict(type=estimator))


@pytest.mark.parametrize('estimator', [f'{n}Gradient' for n in NAMES])
def test_a_resumed_search_is_the_same(tmp_path, estimator):
    first, second = tmp_path / 'first', tmp_path / 'second'
    run(first, model=model(estimator), more=[EMA])
    resumed_is_whole(first, second, 1, model=model(estimator), more=[EMA])


@pytest.mark.parametrize('epoch', [2, 3])
def test_a_compared_child_is_the_same_after_a_resume(tmp_path, epoch):
    """Where the choice is next, and where it is made."""
    first, second = tmp_path / 'first', tmp_path / 'second'
    kwargs = dict(more=[dict(type='CompareChildHook')])
    run(first, model=model('AdditiveGradient'), **kwargs)
    resumed_is_whole(first, second, epoch, model=model('AdditiveGradient'), **kwargs)


def test_the_moving_baseline_is_saved_and_not_averaged(tmp_path):
    run(tmp_path, model=model('ScoreFunctionGradient'), more=[EMA])
    before, searched = (checkpoint(tmp_path, epoch) for epoch in (1, 2))
    assert before['state_dict'][BASELINE].isnan()
    assert searched['state_dict'][BASELINE] > 0
    averaged = [n for n in searched['ema_state_dict'] if n.endswith(BASELINE)]
    own = searched['state_dict'][BASELINE]
    assert all(torch.equal(searched['ema_state_dict'][n], own) for n in averaged)
