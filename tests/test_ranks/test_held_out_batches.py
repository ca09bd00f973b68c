"""Weights and alpha take turns on all ranks alike."""

from tests.ranks import WRAPPER, on_ranks
from tests.toy import algorithm_of
from tests.toy_run import Keep, loader, normed_net, runner_of, same, state_of

# Half of 20 images is 5 for each rank: the second batch of each half is smaller.
BATCHES = dict(
    loader(noise=False, batch_size=3),
    dataset=dict(type='NoisyVectors', noise=False, num=20),
    batch_sampler=dict(type='AlternatingBatchSampler'),
)


def run(folder):
    """Weights and alpha in a search epoch, before and after each iteration."""
    states = []

    def keep(runner):
        # Every rank has statistics of BatchNorm of its own.
        names = dict(runner.model.named_parameters())
        states.append({n: v for n, v in state_of(runner).items() if n in names})

    runner = runner_of(
        folder,
        [dict(type='HeldOutBatchHook'), Keep('before_train_iter', keep, 99)],
        algorithm_of(normed_net(), finetune_epochs=1),
        max_epochs=1,
        train_dataloader=BATCHES,
        launcher='pytorch',
        model_wrapper_cfg=WRAPPER,
        val_dataloader=None,
        val_cfg=None,
        val_evaluator=None,
    )
    runner.train()
    keep(runner)
    return states


def test_ranks_take_turns_together(tmp_path):
    first, second = on_ranks(2, tmp_path, run, tmp_path)
    assert len(first) == len(second) == 5
    assert same(first, second)
    for i, (before, after) in enumerate(zip(first, first[1:])):
        moved = {'arch_params' in n for n in after if not same(before[n], after[n])}
        assert moved == {bool(i % 2)}
