import pytest

from mmdsnas.engine.hooks import utils
from tests.toy import set_alpha
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


def test_a_validation_after_a_resume_is_one_of_its_stage(tmp_path):
    """A network that is pretrained is validated itself, and not the child."""
    seen = []

    def note(runner):
        blocks = runner.model.architecture.blocks
        seen.append((runner.epoch, [b.current_choice for b in blocks]))

    def run(folder, **options):
        seen.clear()
        model = search_of(pretrain_path='first')
        model.pretrain_epochs = 2
        set_alpha(model.mutator, [0, 1], [0, 1])
        resumes = [dict(type='ExactResumeHook'), dict(type='ResumeValidationHook')]
        hooks = [*resumes, Keep('after_val_epoch', note, 99)]
        runner_of(folder, hooks, model, **options).train()
        return list(seen)

    first, child = ['tanh', 'tanh'], ['sine', 'sine']
    whole = run(tmp_path / 'whole')
    assert whole == [(1, first), (2, first), (3, child)]
    for epoch in (1, 2):
        path = tmp_path / 'whole' / 'work' / f'epoch_{epoch}.pth'
        found = run(tmp_path / str(epoch), resume=True, load_from=str(path))
        assert found == whole[epoch - 1 :]
