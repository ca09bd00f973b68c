"""What is not finite on one rank moves nothing on any rank, and ends all of them."""

import pytest

from mmdsnas.errors import NonFiniteError
from tests.poison import KINDS, Poison
from tests.ranks import WRAPPER, on_ranks
from tests.toy import algorithm_of
from tests.toy_run import loader, normed_net, runner_of, same

# The loss scaler could mend what happens while its scale is above 1.
AMP = [None, dict(dtype='float16', init_scale=1.0)]


def run(folder, kind, amp):
    """A search in which rank 1 has some spoilt iterations, at last too many.

    Returns:
        tuple: States before and after the iterations, statistics of BatchNorm, and
        how the run ended.
    """
    poison = Poison(kind, [4, 5, *range(9, 16)], rank=1)
    sgd = dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
    adam = dict(optimizer=dict(type='Adam', lr=0.05))
    config = dict(architecture=sgd, mutator=adam)
    config['constructor'] = 'SearchOptimWrapperConstructor'
    if amp is not None:
        config['amp'] = amp
    runner = runner_of(
        folder,
        [dict(type='NonFiniteHook', max_consecutive=2), poison],
        algorithm_of(normed_net(), pretrain_epochs=1, finetune_epochs=4),
        max_epochs=4,
        launcher='pytorch',
        model_wrapper_cfg=WRAPPER,
        train_dataloader=loader(noise=True, batch_size=2),
        optim_wrapper=config,
        default_hooks=dict(checkpoint=None),
        val_dataloader=None,
        val_evaluator=None,
        val_cfg=None,
    )
    with pytest.raises(NonFiniteError) as caught:
        runner.train()
    return poison.states, poison.statistics, str(caught.value)


def cases(folder):
    """Every kind, with and without a loss scaler."""
    return {
        f'{kind} {amp is not None}': run(folder, kind, amp)
        for kind in KINDS
        for amp in AMP
    }


@pytest.fixture(scope='module')
def ranks(tmp_path_factory):
    folder = tmp_path_factory.mktemp('non_finite')
    return on_ranks(2, folder, cases, folder)


@pytest.mark.slow
@pytest.mark.parametrize('amp', [False, True], ids=['float32', 'float16'])
@pytest.mark.parametrize('kind', KINDS)
def test_all_ranks_leave_the_same_steps_out(ranks, kind, amp):
    first, second = (rank[f'{kind} {amp}'] for rank in ranks)
    (states, statistics, end), (others, spoilt, other_end) = first, second
    assert same(states, others) and len(states) == 12
    for a, b in zip(states[3:], states[4:]):
        left_out = any(a is states[i] for i in (4, 5, 9, 10))
        for part in ('parameters', 'optimizers'):
            assert same(a[part], b[part]) == left_out
    for buffers in (*statistics, *spoilt):
        assert all(value.isfinite().all() for value in buffers.values())
    for sentence in (end, other_end):
        assert '3 times in a row, up to iteration 12 of epoch 3' in sentence
