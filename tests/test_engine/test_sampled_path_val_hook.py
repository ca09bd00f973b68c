import json
import random

import numpy as np
import pytest
import torch

from tests.toy_run import Keep, runner_of, search_of, state_of

SAMPLED = dict(type='SampledPathValHook')
NAME = 'val/sampled/toy/score'


def score_of_paths(runner, model, paths):
    """The metric by hand, each batch run by a path."""
    net, scores = model.architecture, []
    for (x, labels), path in zip(runner.val_dataloader, paths, strict=True):
        x = net.stem(x)
        for module, choice in zip(net.blocks, path.values()):
            x = module._candidates[choice](x)
        scores += net.head(x).softmax(-1)[torch.arange(4), labels].tolist()
    return sum(scores) / len(scores)


@pytest.mark.parametrize(('wrapped', 'rank'), [(False, 0), (False, 5), (True, 0)])
def test_every_batch_is_run_by_a_path_of_its_own(
    tmp_path, request, monkeypatch, wrapped, rank
):
    """With the averaged weights, the supernet's statistics, and a draw per rank."""
    monkeypatch.setattr(
        'mmdsnas.engine.hooks.logging.sampled_path_val_hook.get_rank', lambda: rank
    )
    model = search_of()
    wanted, found, all_paths = [], [], []

    @torch.no_grad()
    def compare(runner):
        assert not model.training
        draw = model.mutator.draw_path
        paths = [draw(3, runner.iter + i, rank, stream=1) for i in range(4)]
        all_paths.extend(tuple(path.values()) for path in paths)
        wanted.append(score_of_paths(runner, model, paths))
        # Absent where nothing was evaluated, so that no log repeats it.
        history = runner.message_hub.log_scalars.get(NAME)
        found.append(history and history.current())

    hooks = [
        Keep('after_val_epoch', compare, 48),
        dict(type='RecalibrateBNHook'),
        dict(type='EMAHook', momentum=0.3),
        SAMPLED,
    ]
    wrap = request.getfixturevalue('wrap') if wrapped else lambda model: model
    runner_of(tmp_path, hooks, model=wrap(model)).train()
    assert found[:2] == pytest.approx(wanted[:2], abs=1e-6)
    assert len(set(all_paths[:8])) > 2
    # The third epoch finetunes: there is one path alone.
    assert len(found) == 3 and found[2] is None


def test_training_goes_on_as_if_nothing_had_happened(tmp_path):
    ends = []
    for hooks in ([], [SAMPLED]):
        runner = runner_of(tmp_path / str(len(hooks)), hooks)
        runner.train()
        draws = [random.random(), np.random.rand(), torch.rand(()).item()]
        child = runner.message_hub.get_scalar('val/toy/score').data[0].tolist()
        ends.append((state_of(runner), draws, child))
    (state, *rest), (other, *other_rest) = ends
    assert rest == other_rest
    assert all(torch.equal(value, other[key]) for key, value in state.items())


def test_numbers_stand_in_the_log_beside_those_of_the_child(tmp_path):
    runner = runner_of(tmp_path, [SAMPLED], max_epochs=1, log_level='INFO')
    runner.train()
    value = runner.message_hub.get_scalar(NAME).current()
    assert 'val/sampled/toy/text' not in runner.message_hub.log_scalars
    (log,) = tmp_path.glob('work/*/*.log')
    line = [row for row in log.read_text().splitlines() if 'Epoch(val)' in row][-1]
    assert f' sampled/toy/score: {value:.4f}' in line and ' toy/score: ' in line
    (scalars,) = tmp_path.glob('work/*/vis_data/scalars.json')
    rows = [json.loads(row) for row in scalars.read_text().splitlines()]
    (row,) = [row for row in rows if 'toy/score' in row]
    assert row['sampled/toy/score'] == pytest.approx(value) and row['step'] == 1


@pytest.mark.parametrize('fp16', [False, True])
def test_the_mode_is_that_of_the_validation(tmp_path, fp16):
    model, seen = search_of(), []
    model.architecture.head.register_forward_hook(
        lambda *_: seen.append(
            (torch.is_autocast_enabled('cpu'), torch.is_grad_enabled())
        )
    )
    runner_of(tmp_path, [SAMPLED], model=model, val_cfg=dict(fp16=fp16)).val()
    assert seen == [(fp16, False)] * 8


def test_a_validation_alone_builds_no_training_data(tmp_path):
    runner = runner_of(tmp_path, [SAMPLED])
    runner.val()
    assert isinstance(runner._train_loop, dict)
    assert NAME in runner.message_hub.log_scalars
