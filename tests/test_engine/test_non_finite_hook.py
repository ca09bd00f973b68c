"""What is not finite moves nothing, and ends the run if it goes on."""

import pytest
import torch

from mmdsnas.errors import NonFiniteError
from tests.poison import KINDS, Poison
from tests.toy_run import runner_of, same, search_of

SGD = dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-3)
ADAM = dict(type='Adam', lr=0.05)
AMP = [None, dict(dtype='bfloat16'), dict(dtype='float16', init_scale=64.0)]


def run(
    folder, poison, max_consecutive=10, amp=None, accumulate=1, model=None, more=()
):
    """A search of an epoch in each stage with spoilt iterations."""
    parts = dict(architecture=dict(optimizer=SGD), mutator=dict(optimizer=ADAM))
    for part in parts.values():
        part['accumulative_counts'] = accumulate
    config = dict(constructor='SearchOptimWrapperConstructor', **parts)
    if amp is not None:
        config['amp'] = amp
    hooks = [
        dict(type='ExactResumeHook'),
        dict(type='NonFiniteHook', max_consecutive=max_consecutive),
        poison,
        *more,
    ]
    runner = runner_of(folder, hooks, model or search_of(), optim_wrapper=config)
    runner.train()
    return runner


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('amp', AMP, ids=['float32', 'bfloat16', 'float16'])
def test_both_optimizers_leave_the_steps_out(tmp_path, kind, amp):
    poison = Poison(kind, [5, 6])
    run(tmp_path, poison, amp=amp)
    states = poison.states
    assert same(states[5], states[6]) and same(states[6], states[7])
    for i in (4, 7, 8, 9):
        for part in ('parameters', 'optimizers'):
            assert not same(states[i][part], states[i + 1][part])
    alphas = [
        {n: p for n, p in state['parameters'].items() if '_arch_params' in n}
        for state in states
    ]
    assert not same(alphas[7], alphas[8])
    assert all(
        value.isfinite().all()
        for statistics in poison.statistics
        for value in statistics.values()
    )


def test_spoilt_statistics_become_those_of_the_start_of_the_epoch(tmp_path):
    """And only those that are spoilt: not those of what was not executed."""
    poison = Poison('inputs', [6])
    run(tmp_path, poison)
    start, before, after = (poison.statistics[i] for i in (4, 6, 7))
    stem = [name for name in start if 'stem' in name]
    assert len(stem) == 2 and not same(start, before)
    for name, value in after.items():
        assert torch.equal(value, start[name]) or torch.equal(value, before[name])
    assert all(torch.equal(after[name], start[name]) for name in stem)


@pytest.mark.parametrize('accumulate', [1, 2])
def test_averaged_statistics_are_not_spoilt(tmp_path, accumulate):
    ema = dict(type='EMAHook', momentum=0.5, update_buffers=True)
    run(tmp_path, Poison('inputs', [4]), more=[ema], accumulate=accumulate)
    saved = torch.load(tmp_path / 'work' / 'epoch_2.pth', weights_only=True)
    for part in ('state_dict', 'ema_state_dict'):
        assert all(value.isfinite().all() for value in saved[part].values())


def test_a_spoilt_part_leaves_the_accumulated_step_out(tmp_path):
    poison = Poison('loss', [4])
    run(tmp_path, poison, accumulate=2)
    states = poison.states
    assert same(states[4], states[6])
    assert not same(states[6], states[8]) and not same(states[2], states[4])


def test_the_run_ends_when_it_goes_on(tmp_path):
    """With the last good checkpoint in place."""
    poison, model = Poison('loss', range(5, 12)), search_of()
    with pytest.raises(NonFiniteError) as caught:
        run(tmp_path, poison, max_consecutive=2, model=model)
    sentence = str(caught.value)
    assert sentence.startswith('the loss or a gradient was not finite 3 times in a row')
    assert 'iteration 8 of epoch 2' in sentence
    assert 'architecture 0.1, mutator 0.05' in sentence
    first, second = model.mutator.current_choices.values()
    assert f'Path of this rank: 0 {first}, 1 {second}.' in sentence
    assert 'NonFiniteHook.max_consecutive' in sentence
    last = tmp_path / 'work' / 'epoch_1.pth'
    assert str(last) in sentence
    saved = torch.load(last, weights_only=True)['state_dict']
    for name, value in poison.states[4]['parameters'].items():
        assert torch.equal(saved[name], value)
    assert not (tmp_path / 'work' / 'epoch_2.pth').exists()


def test_steps_in_between_begin_the_count_anew(tmp_path):
    run(tmp_path, Poison('loss', [4, 5, 7, 8, 10, 11]), max_consecutive=2)


def test_overflows_that_the_loss_scaler_mends_do_not_count(tmp_path):
    amp = dict(dtype='float16', init_scale=2.0**24)
    runner = run(tmp_path, Poison('loss', []), max_consecutive=0, amp=amp)
    assert 1 < runner.optim_wrapper.loss_scaler.get_scale() < 2.0**24
