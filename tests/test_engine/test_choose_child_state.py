"""What a choice leaves behind: in the search, in averaged weights, in the log."""

import re

import pytest
import torch
from mmengine.runner import Runner

from mmdsnas.engine.choice_record import read_scores
from mmdsnas.engine.hooks.stage import choose_child_hook
from mmdsnas.engine.hooks.stage.choose_child_hook import ChooseChildHook
from mmdsnas.engine.scoring import OutputDistance
from mmdsnas.engine.trials import Trials
from mmdsnas.errors import CheckpointError, DataError
from mmdsnas.models.mutables import blocks_of
from tests.small_choice import SIZE, SIZES, algorithm_of, config_of
from tests.small_search import run
from tests.toy_run import Keep, same, state_of


def test_who_competes_changes_nothing(tmp_path, monkeypatch):
    torch.manual_seed(0)
    algorithm = algorithm_of(input_sizes=SIZES, cost=dict(limit='60%')).train()
    algorithm.set_input_size(12)
    parts = algorithm.cost_term, algorithm.cost_table, algorithm.resource_estimator
    before = {k: v.clone() for k, v in algorithm.state_dict().items()}
    probable = algorithm.mutator.most_probable(9)
    distance = OutputDistance(algorithm, [dict(inputs=torch.randn(4, 3, SIZE, SIZE))])
    hook, file = ChooseChildHook(num_paths=3), tmp_path / 'scores.json'
    scores, found = hook._contenders(algorithm, distance, file)
    assert set(scores) == set(SIZES) == {c.input_size for c in found}
    assert same(before, dict(algorithm.state_dict())) and algorithm.child_edge == 12
    now = algorithm.cost_term, algorithm.cost_table, algorithm.resource_estimator
    assert all(a is b for a, b in zip(parts, now))
    assert algorithm.mutator.most_probable(9) == probable
    # What is known is not measured again; of other images it is not known.
    assert read_scores(file, distance.mark) == read_scores(file) == scores
    other = OutputDistance(algorithm, [dict(inputs=torch.randn(4, 3, SIZE, SIZE))])
    assert read_scores(file, other.mark) == {}
    monkeypatch.delattr(OutputDistance, 'of_candidates')
    assert hook._contenders(algorithm, distance, file) == (scores, found)


def test_scores_that_are_none(tmp_path):
    file = tmp_path / 'scores.json'
    assert read_scores(file) == {}
    file.write_text('{"of": "a", "scores": {"64": [0.5]}}')
    with pytest.raises(DataError, match='scores.json is damaged: it has no scores'):
        read_scores(file)
    file.unlink()
    file.mkdir()
    with pytest.raises(DataError, match='scores.json cannot be read'):
        read_scores(file)


@pytest.mark.parametrize('update_buffers', [False, True])
def test_averages_begin_anew_at_the_winner(tmp_path, update_buffers):
    seen = {}

    def keep(runner):
        if runner.epoch == 1:
            (hook,) = [h for h in runner.hooks if h.__class__.__name__ == 'EMAHook']
            seen['search'] = state_of(runner)
            module = hook.ema_model.module
            seen['averages'] = {k: v.clone() for k, v in module.state_dict().items()}
            seen['steps'] = int(hook.ema_model.steps)

    ema = dict(type='EMAHook', momentum=0.3, update_buffers=update_buffers)
    hook = dict(num_batches=1, num_paths=1, num_finalists=2)
    config = config_of(tmp_path, hook, default_hooks__ema=ema, train_cfg__max_epochs=2)
    runner = Runner.from_cfg(config)
    # After the choice, before the first step of the child.
    runner.register_hook(Keep('before_train_epoch', keep, 99), 99)
    runner.train()
    assert seen['steps'] == 0 and same(seen['averages'], seen['search'])


def unlike_first(algorithm):
    """Norms of smaller candidates that are not those of the first, and how many."""
    unlike, number = [], 0
    for op in blocks_of(algorithm.architecture).values():
        first = op.candidate('full').state_dict()
        for choice in op.choices[1:]:
            for name, own in op.candidate(choice).state_dict().items():
                if '.bn.' in name:
                    number += 1
                    like = first[name][: len(own)] if own.dim() else first[name]
                    unlike += [] if torch.equal(own, like) else [name]
    return unlike, number


@pytest.mark.parametrize('ema', [None, dict(type='EMAHook', momentum=0.3)])
def test_smaller_candidates_begin_with_tuned_normalization(tmp_path, monkeypatch, ema):
    seen = []

    class Distance(OutputDistance):
        def __init__(self, algorithm, batches):
            seen.append(unlike_first(algorithm))
            super().__init__(algorithm, batches)

    class Tried(Trials):
        def __init__(self, runner, *args):
            seen.append(unlike_first(runner.model))
            super().__init__(runner, *args)

    monkeypatch.setattr(choose_child_hook, 'OutputDistance', Distance)
    monkeypatch.setattr(choose_child_hook, 'Trials', Tried)
    more = dict(default_hooks__ema=ema) if ema else {}
    run(config_of(tmp_path, dict(num_batches=1), train_cfg__max_epochs=2, **more))
    assert len(seen) == 2 and all(not unlike for unlike, _ in seen)
    assert all(number > 10 for _, number in seen)


@pytest.mark.parametrize('cost', [None, dict(limit='100%')])
def test_labels_of_the_network_itself_are_none(tmp_path, cost):
    """It is the child where no limit is below what it costs."""
    config = config_of(
        tmp_path, model__cost=cost, train_cfg__max_epochs=2, log_level='INFO'
    )
    labels = run(config).model.soft_labels
    (log,) = tmp_path.glob('*/*.log')
    lines = [line for line in log.read_text().splitlines() if 'has no effect' in line]
    assert len(lines) == 1 and 'model.distillation has no effect without' in lines[0]
    assert not labels.logits.numel()


@pytest.mark.parametrize('given', [True, False])
def test_a_resumed_run_learns_from_labels_as_before(tmp_path, given):
    """Only with those of the run; without an option nothing would name it."""
    options = dict(model__cost=None, train_cfg__max_epochs=2)
    with_labels, without = dict(tau=2.0), None
    first, second = (with_labels, without) if given else (without, with_labels)
    run(config_of(tmp_path, model__distillation=first, **options))
    again = config_of(
        tmp_path,
        model__distillation=second,
        resume=True,
        load_from=str(tmp_path / 'epoch_1.pth'),
        **options,
    )
    words = ('given', 'None') if given else ('None', 'given')
    told = f'^model.distillation must be {words[0]} to resume .*, but is {words[1]};'
    with pytest.raises(CheckpointError, match=told):
        run(again)


def test_images_may_be_mixed_in_training(tmp_path):
    mixed = dict(augments=dict(type='mmcls.Mixup', alpha=0.2))
    more = dict(model__distillation=None, data_preprocessor__batch_augments=mixed)
    hook = dict(num_batches=1, num_finalists=2)
    model = run(config_of(tmp_path, hook, train_cfg__max_epochs=2, **more)).model
    assert model.data_preprocessor.batch_augments is not None
    lines = (tmp_path / 'choice.csv').read_text().splitlines()
    # The loss of each finalist, or of both rounds.
    assert re.search(r',\d+\.\d+( \d+\.\d+)?,', lines[1])
