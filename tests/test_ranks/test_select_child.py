"""All ranks measure the same paths and choose the same child."""

import pytest

from mmdsnas.engine import EvolutionSelection, SelectChildHook
from tests.ranks import WRAPPER, on_ranks
from tests.toy_run import Keep, loader, runner_of, same, search_of


class Noted(EvolutionSelection):
    """Notes what is measured, in its order."""

    def select(self, space, score):
        self.scores = []

        def noted(path):
            self.scores.append(['-'.join(path.values()), score(path)])
            return self.scores[-1][1]

        return super().select(space, noted)


def run(folder):
    """A search whose ranks have seeds of their own."""
    strategy = Noted(population=2, generations=3, num_mutation=1, num_crossover=1)
    model, kept = search_of(mutator=dict(init_std=0.0)), []

    def keep(runner):
        if runner.epoch == 2:
            kept.append({k: v.clone() for k, v in model.state_dict().items()})

    hooks = [Keep('before_train_epoch', keep, priority) for priority in (0, 10)]
    runner = runner_of(
        folder,
        [hooks[0], SelectChildHook(strategy, metric='toy/score'), hooks[1]],
        model,
        launcher='pytorch',
        model_wrapper_cfg=WRAPPER,
        train_dataloader=loader(noise=True, batch_size=2),
        default_hooks=dict(checkpoint=None),
        randomness=dict(seed=3, diff_rank_seed=True),
    )
    runner.cfg.randomness = dict(seed=3, diff_rank_seed=True)
    runner.train()
    return dict(scores=strategy.scores, child=model.mutator.fixed, states=kept)


@pytest.mark.slow
def test_ranks_choose_the_same(tmp_path):
    first, second = on_ranks(2, tmp_path, run, tmp_path)
    assert first['scores'] == second['scores']
    assert first['child'] == second['child'] and len(first['scores']) >= 4
    for rank in (first, second):
        before, after = rank['states']
        fixed = [state.pop('mutator._fixed').tolist() for state in (before, after)]
        assert fixed[0] == [-1, -1] != fixed[1]
        assert same(before, after)
    # They had statistics of their own, and have them still.
    assert not same(first['states'][1], second['states'][1])
