from pathlib import Path

import numpy as np
import pytest

from mmdsnas.engine import ReportHook
from mmdsnas.errors import OutputError
from mmdsnas.visualization.run_record import RunRecord
from tests.toy_run import Keep, runner_of

HOOKS = (dict(type='SearchLogHook'), dict(type='ExportChildHook'))


def test_report_is_of_the_whole_run(tmp_path):
    runner = runner_of(tmp_path, [*HOOKS, ReportHook()])
    runner.train()
    text = (tmp_path / 'work' / 'report.html').read_text()
    assert '<title>Report: work</title>' in text and 'is not finished' not in text
    # All steps: none was left to be written after it.
    assert '<td>3</td>' in text and 'figure-probabilities' in text


def test_run_that_ends_early_has_one_too(tmp_path):
    """By an early stop, and by an error after an interval."""
    path = tmp_path / 'stopped' / 'work' / 'report.html'

    def stop(runner):
        runner.train_loop.stop_training = True

    early = Keep('after_val_epoch', stop, 50)
    runner_of(path.parents[1], [*HOOKS, ReportHook(), early]).train()
    assert 'figure-loss' in path.read_text()

    path = tmp_path / 'failed' / 'work' / 'report.html'
    seen = []

    def fail(runner):
        seen.append(path.is_file())
        if runner.epoch == 1:
            raise KeyboardInterrupt

    hooks = [*HOOKS, ReportHook(interval=1), Keep('before_train_epoch', fail, 50)]
    try:
        runner_of(path.parents[1], hooks).train()
    except KeyboardInterrupt:
        pass
    assert seen == [False, True]
    assert 'figure-loss' in path.read_text()


@pytest.mark.parametrize(
    'place, what',
    [
        ('mmdsnas.visualization.report', 'The report'),
        ('mmdsnas.visualization.run_record.RunRecord.write', 'run.json'),
    ],
)
def test_failure_is_a_warning(tmp_path, monkeypatch, caplog, place, what):
    def fail(*_):
        raise OutputError('there is no\nroom.')

    monkeypatch.setattr(place, fail)
    runner = runner_of(tmp_path, [*HOOKS, ReportHook()])
    runner.logger.addHandler(caplog.handler)
    runner.train()
    told = [record.getMessage() for record in caplog.records]
    assert f'{what} was not written: there is no room.' in told
    assert (tmp_path / 'work' / 'subnet.pth').is_file()


def test_evaluation_writes_none(tmp_path, monkeypatch):
    called = []
    monkeypatch.setattr('mmdsnas.visualization.report', called.append)
    runner_of(tmp_path, [ReportHook()]).val()
    assert not called


def test_only_the_master_writes(tmp_path, monkeypatch):
    monkeypatch.setattr('mmengine.dist.utils.get_rank', lambda group=None: 1)
    runner = runner_of(tmp_path)
    called = []
    monkeypatch.setattr('mmdsnas.visualization.report', called.append)
    hook = ReportHook()
    monkeypatch.setattr(RunRecord, 'write', called.append)
    hook.before_train(runner)
    hook.after_run(runner)
    assert not called


def test_record_is_right_whenever_the_run_is_killed(tmp_path):
    """Of a run, and of one that goes on with its second epoch."""
    seen = []

    def look(runner):
        record = RunRecord.read(Path(runner.log_dir) / 'run.json')
        seen.append((record.start, record.done))
        assert (record.per_epoch, record.length) == (4, 3) and record.by_epoch
        assert record.plan['pretrain_epochs'] == 1 and record.facts['seed'] == 3

    def hooks():
        # After the hook that writes it.
        look_after = [
            Keep(f'after_{part}_epoch', look, 99) for part in ('train', 'val')
        ]
        return [*HOOKS, ReportHook(), Keep('before_train_epoch', look, 99), *look_after]

    default = dict(checkpoint=dict(type='AtomicCheckpointHook', interval=1))
    runner_of(tmp_path, hooks(), default_hooks=default).train()
    assert seen == [(0, k) for k in (0, 1, 1, 1, 2, 2, 2, 3, 3)]
    seen.clear()
    left = str(tmp_path / 'work' / 'epoch_1.pth')
    options = dict(load_from=left, resume=True, default_hooks=default)
    runner_of(tmp_path, hooks(), **options).train()
    assert seen == [(1, k) for k in (1, 2, 2, 2, 3, 3)]


def test_pictures_go_to_the_visualizer(tmp_path):
    runner = runner_of(tmp_path, [*HOOKS, ReportHook(pictures=True)])
    shown, runner.visualizer.add_image = {}, lambda *args: shown.update({args[0]: args})
    runner.train()
    page = (tmp_path / 'work' / 'report.html').read_text()
    assert {'report-loss.png', 'report-child.png'} <= set(shown)
    for name, pixels, epoch in shown.values():
        assert f'id="figure-{name[7:-4]}"' in page and epoch == runner.epoch
        assert pixels.dtype == np.uint8 and pixels.shape[2] == 3
        # Something on white ground.
        assert pixels[0, 0].tolist() == [255] * 3 and pixels.min() < 128
