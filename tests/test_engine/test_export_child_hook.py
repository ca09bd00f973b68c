"""The child, the log, the table and the report at every kind of end of a run."""

import pytest
import torch
from mmengine.hooks import EarlyStoppingHook

from mmdsnas.command_line.endings import Terminated
from mmdsnas.engine import ReportHook
from mmdsnas.visualization import read_run
from mmdsnas.visualization.summary import summary
from tests.toy_run import Keep, runner_of, search_of

HOOKS = [dict(type='SearchLogHook'), dict(type='ExportChildHook')]


def run(folder, hooks=(), model=None, **kwargs):
    """Runs a search; a checkpoint of every epoch is kept."""
    checkpoint = dict(type='AtomicCheckpointHook', interval=1)
    options = dict(log_level='INFO', default_hooks=dict(checkpoint=checkpoint))
    hooks = [*HOOKS, ReportHook(interval=1), dict(type='RecordSubnetHook'), *hooks]
    runner = runner_of(folder, hooks, model, **{**options, **kwargs})
    runner.train()
    return runner


class Said:
    """What a run left says of how it ended."""

    def __init__(self, folder):
        (log,) = folder.glob('work/*/*.log')
        self.log = log.read_text()
        child = torch.load(folder / 'work' / 'subnet.pth', weights_only=True)
        self.meta = child['meta']
        found = read_run(folder / 'work')
        self.report, self.length = found.missing, dict(summary([found]))['length'][0]
        self.page = (folder / 'work' / 'report.html').read_text()

    def agree(self, *parts):
        """Whether all of them say that the run is not finished, and how far it came."""
        assert 'The search is done' not in self.log
        lines = [line for line in self.log.splitlines() if 'is not finished' in line]
        for text in (lines[-1], self.report, self.page):
            assert all(part in text for part in parts), text
        assert 'WARNING' in lines[-1] and 'not finished' in self.length


def stop(epoch):
    """A hook of one's own, which ends the training."""

    def end(runner):
        runner.train_loop.stop_training = runner.epoch == epoch

    return Keep('before_train_epoch', end, 99)


def early():
    """mmengine's, which stops at the first validation."""
    return EarlyStoppingHook('toy/score', rule='greater', stopping_threshold=-1.0)


@pytest.mark.slow
@pytest.mark.parametrize(
    'hook, stages, parts',
    [
        (early, (1, 2), ['1 of 3', 'pretrain', 'initial values', '--resume']),
        (early, (0, 2), ['1 of 3', 'search stage', 'not all blocks are fixed']),
        (lambda: stop(1), (1, 2), ['2 of 3', 'search stage', 'not all blocks']),
        (early, (0, 0), ['1 of 3', 'finetune stage']),
    ],
)
def test_a_run_that_is_stopped(tmp_path, hook, stages, parts):
    model = search_of()
    model.pretrain_epochs, model.finetune_epochs = stages
    run(tmp_path, [hook()], model)
    Said(tmp_path).agree(*parts)


@pytest.mark.parametrize(
    'length, parts', [(1, ['initial values']), (2, ['not all blocks are fixed'])]
)
def test_a_stage_that_is_not_reached(tmp_path, length, parts):
    """It is told before the training, too."""
    model = search_of()
    model.finetune_epochs = 3
    plan = dict(type='SearchPlanHook', time_steps=False)
    run(tmp_path, [plan], model=model, max_epochs=length)
    said = Said(tmp_path)
    parts += [f'train_cfg.max_epochs is {length}', 'model.finetune_epochs, 3']
    said.agree(*parts)
    before = said.log[: said.log.index('Child after epoch 1')]
    (told,) = [line for line in before.splitlines() if 'will not finish' in line]
    assert 'WARNING' in told and all(part in told for part in parts)


@pytest.mark.slow
def test_a_run_that_comes_to_its_end(tmp_path):
    runner = run(tmp_path)
    said = Said(tmp_path)
    assert said.log.count('The search is done.') == 1
    assert 'finish' not in said.log + said.length + said.page and said.report is None
    assert said.meta['plan'] == dict(
        max_epochs=3, pretrain_epochs=1, finetune_epochs=2, selects=False
    )
    last = torch.load(tmp_path / 'work' / 'epoch_3.pth', weights_only=True)['meta']
    assert last['plan'] == said.meta['plan'] and last['epoch'] == runner.epoch == 3


@pytest.mark.parametrize('signal', [KeyboardInterrupt, Terminated, ValueError])
@pytest.mark.parametrize('epoch, stage', [(1, 'pretrain'), (2, 'search')])
def test_a_run_that_is_interrupted(tmp_path, signal, epoch, stage):
    """In an epoch after that: what is left is of the last validation."""

    def end(runner):
        if runner.epoch == epoch:
            raise signal

    with pytest.raises(signal):
        run(tmp_path, [Keep('after_train_iter', end, 99)])
    said = Said(tmp_path)
    assert 'The search is done' not in said.log
    for text in (said.report, said.page):
        assert f'{epoch} of 3 epochs, in the {stage} stage' in text
    assert 'not finished' in said.length
    assert (said.meta['epoch'], said.meta['plan']['max_epochs']) == (epoch, 3)


@pytest.mark.slow
def test_a_resumed_run(tmp_path):
    """One that was stopped goes on to its end; then there is nothing left to run."""
    run(tmp_path / 'a', [stop(1)])
    last = tmp_path / 'a' / 'work' / 'epoch_2.pth'

    def go_on(name, **kwargs):
        run(tmp_path / name, load_from=str(last), resume=True, **kwargs)
        (log,) = tmp_path.glob(f'{name}/work/*/*.log')
        child = torch.load(tmp_path / name / 'work' / 'subnet.pth', weights_only=True)
        return log.read_text(), child['meta']

    log, meta = go_on('whole')
    assert 'The search is done.' in log and meta['epoch'] == 3
    # With fewer epochs than it has had, in the middle of the search stage.
    model = search_of()
    model.finetune_epochs = 4
    log, meta = go_on('shorter', model=model, max_epochs=1)
    assert 'There was no epoch left to run' in log and meta['epoch'] == 2
    assert 'The search is done' not in log
    assert 'max_epochs is 1' in log and 'model.finetune_epochs, 4' in log


def test_an_evaluation_says_nothing(tmp_path):
    runner = runner_of(tmp_path, HOOKS, log_level='INFO')
    runner.val()
    (log,) = tmp_path.glob('work/*/*.log')
    assert 'The search' not in log.read_text()
    assert not (tmp_path / 'work' / 'subnet.pth').exists()
