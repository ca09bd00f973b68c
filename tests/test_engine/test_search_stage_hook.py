import pytest

from mmdsnas.engine.hooks import utils
from tests.toy_run import Keep, runner_of, search_of


@pytest.mark.parametrize('different, expected', [(True, 3), (False, 5)])
def test_draws_know_the_seed_that_all_ranks_have(
    tmp_path, monkeypatch, different, expected
):
    """With diff_rank_seed mmengine's seed is the config's plus the rank."""
    monkeypatch.setattr(utils, 'get_rank', lambda: 2)
    seeds, model = [], search_of()
    keep = Keep('after_train_iter', lambda _: seeds.append(model.seed), 1)
    runner = runner_of(tmp_path, [keep], model, max_epochs=1, randomness=dict(seed=5))
    runner.cfg.randomness = dict(seed=5, diff_rank_seed=different)
    runner.train()
    assert set(seeds) == {expected}
