"""What is read is what the run wrote."""

import math

import pytest
import torch

from mmdsnas.errors import DataError
from mmdsnas.subnets.checkpoint import save_checkpoint
from mmdsnas.visualization import read_run
from mmdsnas.visualization.summary import summary
from tests.test_visualization.files import scalars, train, write_session

BLOCKS = ('blocks.0', 'blocks.1')


def test_numbers_are_those_of_the_log(searched):
    run = read_run(searched)
    lines = scalars(searched)
    assert (run.done, run.length, run.unit) == (3, 3, 'epoch')
    assert run.stages == [('pretrain', 0, 1), ('search', 1, 2), ('finetune', 2, 3)]
    # 16 images in batches of 4.
    for name in ('task.loss', 'expected_mflops', *(f'entropy/{b}' for b in BLOCKS)):
        wanted = [(n['step'] / 4, n[name]) for n in lines if name in n]
        assert list(zip(*run.train[name])) == wanted and len(wanted) == 12
    scores = [(n['step'], n['toy/score']) for n in lines if 'toy/score' in n]
    assert list(zip(*run.val['toy/score'])) == scores and len(scores) == 3
    facts = run.record.facts
    assert facts['seed'] == 3 and facts['PyTorch'] == torch.__version__
    assert run.record.options['train_cfg'] == dict(max_epochs=3)
    assert run.limits == dict(flops=0.5) and run.record.per_epoch == 4
    meta = torch.load(searched / 'subnet.pth', weights_only=True)['meta']
    assert run.child.costs == {key: meta[key] for key in ('mflops', 'mparams')}
    assert run.child.blocks == meta['blocks']


def test_probabilities_are_those_of_alpha(searched):
    run = read_run(searched)
    state = torch.load(searched / 'epoch_2.pth', weights_only=True)['state_dict']
    probabilities = run.probabilities()
    assert list(probabilities) == list(BLOCKS)
    for k, block in enumerate(BLOCKS):
        rows = [list(curve.values) for curve in probabilities[block].values()]
        assert all(curve.at == [1, 2, 3] for curve in probabilities[block].values())
        alpha = state[f'mutator._arch_params.module_{k}']
        assert [row[1] for row in rows] == pytest.approx(alpha.softmax(-1).tolist())
        assert sorted(row[2] for row in rows) == [0, 1]
        (best,) = [c for c, curve in probabilities[block].items() if curve.values[2]]
        assert run.child.blocks[block]['candidate'] == best
    assert run.fixed_in == {block: 3 for block in BLOCKS}


def test_resumed_run_has_each_step_once(tmp_path):
    first = [train(step, 10, loss=step) for step in (5, 10, 15, 20, 25, 28)]
    first += [dict(acc=e, step=e) for e in (1, 2)]
    # Killed in the third epoch, which begins anew.
    second = [train(step, 10, loss=-step) for step in (25, 30, 35)]
    second.append(dict(acc=-3, step=3))
    write_session(tmp_path, '20260101_000000', first, 10, seconds=2, length=5)
    resumed = dict(start=2, done=3, seconds=3, length=7, config='a')
    write_session(tmp_path, '20260102_000000', second, 10, **resumed)
    # What only tested is no start of the run.
    write_session(tmp_path, '20260103_000000', [dict(acc=9, step=3)])
    run = read_run(tmp_path)
    assert run.train['loss'].at == [0.5, 1, 1.5, 2, 2.5, 3, 3.5]
    assert run.train['loss'].values == [5, 10, 15, 20, -25, -30, -35]
    assert run.val['acc'].values == [1, 2, -3]
    assert len(run.sessions) == 2 and run.seconds == 5
    assert (run.done, run.length, run.record.config) == (3.5, 7, 'a')


def test_resumed_on_more_ranks_epochs_are_shorter(tmp_path):
    for name, steps, n in (('a', (1, 2), 10), ('b', (3, 4), 5)):
        lines = [train(n * k, n, loss=k) for k in steps]
        write_session(tmp_path, name, lines, n, start=steps[0] - 1)
    assert read_run(tmp_path).train['loss'] == ([1, 2, 3, 4],) * 2


def test_run_from_its_beginning_is_another_run(tmp_path):
    """Of the earlier one, a finished run that was resumed once, there is nothing."""
    for day, steps in ((1, range(1, 21)), (2, range(21, 41)), (3, (3, 6, 9, 10, 12))):
        lines = [train(s, 10, loss=day) for s in steps]
        lines += [dict(acc=day, step=s // 10) for s in steps if s % 10 == 0]
        told = dict(begin=f'2026-01-0{day}T00:00:00', seconds=day, length=day + 1)
        told.update(start=2 if day == 2 else 0, facts=dict(seed=day))
        write_session(tmp_path, f'2026010{day}_0', lines, 10, **told)
    meta = dict(mflops=2.0, subnet={'a.0': 'x'}, seed=1, epoch=4)
    save_checkpoint(dict(meta=meta, state_dict={}), tmp_path / 'subnet.pth')
    run = read_run(tmp_path)
    assert run.train['loss'].at == [0.3, 0.6, 0.9, 1, 1.2]
    assert run.val['acc'].values == [3] and run.seconds == 3
    told = dict((name, values[0]) for name, values in summary([run]))
    assert told['length'] == '1.2 of 4 epochs: not finished' and told['seed'] == '3'
    assert told['started'] == '2026-01-03 00:00'
    assert told['left out'] == (
        'what an earlier run left in this folder; subnet.pth, which is not of this run'
    )
    assert not run.child.blocks and not run.child.costs
    # The one that the validation of this run wrote.
    meta.update(epoch=1, seed=3)
    save_checkpoint(dict(meta=meta, state_dict={}), tmp_path / 'subnet.pth')
    run = read_run(tmp_path)
    assert run.child.blocks == {'a.0': dict(candidate='x')}
    assert run.left_out == ['what an earlier run left in this folder']


def test_child_of_an_earlier_run_that_ended_in_the_same_epoch(tmp_path):
    """What tells it is that this run has not validated, and the checkpoint's time."""
    for name, steps in (('20260101_000000', range(1, 11)), ('20260102_000000', [3])):
        lines = [train(step, 10, loss=1) for step in steps]
        write_session(tmp_path, name, lines, 10, length=4)
    meta = dict(subnet={'a.0': 'x'}, epoch=1, time='20260101_000100')
    for name in ('subnet.pth', 'epoch_1.pth'):
        save_checkpoint(dict(meta=meta, state_dict={}), tmp_path / name)
    (tmp_path / 'last_checkpoint').write_text('epoch_1.pth')
    run = read_run(tmp_path)
    assert run.done == 0.3 and not run.child.blocks
    _, *told = [told.partition(',')[0] for told in run.left_out]
    assert told == ['subnet.pth', 'epoch_1.pth']


def test_killed_run_has_a_last_line_that_is_cut(tmp_path):
    folder = write_session(tmp_path, '20260101_0', [train(1, 2, loss=1)], 2)
    file = folder / 'vis_data' / 'scalars.json'
    with open(file, 'a') as log:
        log.write('{"loss": 2, "st')
    run = read_run(tmp_path)
    assert run.train['loss'].values == [1] and run.stages == [] == run.left_out
    with open(file, 'a') as log:
        log.write('\n{"loss": NaN, "epoch": 1, "iter": 2, "step": 2}\n')
    run = read_run(tmp_path)
    first, second = run.train['loss'].values
    assert first == 1 and math.isnan(second)
    # Not at the end it was no kill.
    assert run.left_out == [f'damaged lines of {file}: 2']


def test_training_of_a_child(tmp_path):
    """It has no file of the child, and its last checkpoint may have moved."""
    lines = [train(k, 2, loss=1 / k) for k in range(1, 5)]
    write_session(tmp_path, '20260101_0', lines, 2)
    meta = dict(subnet={'a.0': 'x', 'a.1': 'y'})
    save_checkpoint(dict(meta=meta, state_dict={}), tmp_path / 'epoch_2.pth')
    (tmp_path / 'last_checkpoint').write_text('/elsewhere/epoch_2.pth')
    run = read_run(tmp_path)
    found = {name: block['candidate'] for name, block in run.child.blocks.items()}
    assert found == meta['subnet']
    assert not run.stages and not run.fixed_in and run.length == run.done == 2


def test_foreign_folders_get_one_sentence(tmp_path):
    file = tmp_path / 'file'
    file.touch()
    for path, reason in (
        (tmp_path / 'none', 'is not a folder'),
        (file, 'is not a folder'),
        (tmp_path, 'has no numbers of a training'),
    ):
        with pytest.raises(DataError, match=f'^WORK_DIR must be .*{path} {reason}'):
            read_run(path)


def test_names_of_blocks_and_candidates_may_have_slashes(tmp_path):
    values = {'entropy/a': 1, 'entropy/a/b': 1, 'prob/a/3/3': 0.2, 'prob/a/b/c': 0.8}
    write_session(tmp_path, '20260101_0', [train(1, 1, **values)])
    found = read_run(tmp_path).probabilities().items()
    assert [(block, list(of)) for block, of in found] == [
        ('a', ['3/3']),
        ('a/b', ['c']),
    ]


PLAN = dict(max_epochs=4, pretrain_epochs=1, finetune_epochs=2, selects=False)


@pytest.mark.parametrize(
    'epochs, plan, missing',
    [
        (4, PLAN, None),
        (4, dict(PLAN, finetune_epochs=4), None),
        (4, dict(PLAN, finetune_epochs=9), 'epochs, 9'),
        (3, PLAN, '3 of 4'),
        (4, dict(PLAN, finetune_epochs=1), 'trained alpha'),
        (4, dict(PLAN, finetune_epochs=1, selects=True), None),
        (3, {}, '3 of 4 epochs'),
        (4, {}, None),
        # Another hand's file.
        (3, dict(PLAN, finetune_epochs='?'), '3 of 4 epochs'),
    ],
)
def test_what_a_run_lacks_of_its_end(tmp_path, epochs, plan, missing):
    lines = [train(10 * k, 10, loss=1) for k in range(1, epochs + 1)]
    write_session(tmp_path, '20260101_0', lines, 10, plan=plan, length=4)
    run = read_run(tmp_path)
    assert run.missing is None if missing is None else missing in run.missing
    (length,) = dict(summary([run]))['length']
    assert ('not finished' in length) == (missing is not None)


@pytest.mark.parametrize('iterations, missing', [(6, '6 of 9 iterations'), (9, None)])
def test_a_run_that_counts_iterations(tmp_path, iterations, missing):
    lines = [dict(iter=k, step=k, loss=1) for k in range(3, iterations + 1, 3)]
    write_session(tmp_path, '20260101_0', lines, by_epoch=False, length=9)
    run = read_run(tmp_path)
    assert (run.unit, run.length, run.done) == ('iteration', 9, iterations)
    assert run.missing is None if missing is None else missing in run.missing


@pytest.mark.parametrize('done', [4, 0])
def test_end_of_an_epoch_whose_last_iterations_were_not_logged(tmp_path, done):
    """By the record, or by a validation."""
    lines = [train(10 * k + 8, 10, loss=1) for k in range(4)]
    lines += [] if done else [dict(acc=1, step=4)]
    write_session(tmp_path, '20260101_0', lines, 10, length=4, done=done)
    assert read_run(tmp_path).missing is None
