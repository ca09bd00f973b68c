"""Which files a run leaves, whenever it is killed and whatever it resumes."""

import itertools
import os
import resource
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmdsnas.errors import ConfigError, OutputError
from mmdsnas.registry import METRICS
from mmdsnas.subnets.checkpoint_files import Checkpoints, find_latest
from mmdsnas.utils.files import SUFFIX
from tests.killing import killed_at
from tests.test_utils.test_files import no_file_longer_than
from tests.toy import ToyNet
from tests.toy_run import Keep, loader, runner_of

RUNS = itertools.count()
BEST = dict(max_keep_ckpts=1, save_best='acc')
TWO_BEST = dict(max_keep_ckpts=1, interval=2, save_best=['acc', 'loss'])
SCORES = {0: 0.0, 1: 2.0, 2: 1.0, 3: 3.0, 4: 4.0}


@METRICS.register_module(force=True)
class Scripted(BaseMetric):
    """The score that an epoch is to have."""

    epoch = 0

    def process(self, data_batch, data_samples) -> None:
        self.results.append(0)

    def compute_metrics(self, results):
        return dict(acc=SCORES[self.epoch], loss=-SCORES[self.epoch])


class Validate(Hook):
    """Tells the epoch; a resumed run validates that of its checkpoint again."""

    priority = 'LOWEST'

    def before_val_epoch(self, runner):
        Scripted.epoch = runner.epoch

    def before_train(self, runner):
        if runner.epoch:
            runner.val_loop.run()


def runner_in(folder: Path, epochs: int = 4, resume=None, **hook) -> Runner:
    data = loader(noise=False)
    data['dataset']['num'] = 4
    options = dict(type='AtomicCheckpointHook', interval=1, max_keep_ckpts=1)
    return runner_of(
        folder,
        [Validate()],
        ToyNet([]),
        epochs,
        train_dataloader=data,
        val_dataloader=data,
        val_evaluator=dict(type='Scripted'),
        default_hooks=dict(checkpoint={**options, **hook}, logger=None),
        # What a process knows of a run ends with it.
        experiment_name=f'{folder.name}_{next(RUNS)}',
        load_from=resume,
        resume=resume is not None,
    )


def train(*args, **kwargs) -> None:
    runner_in(*args, **kwargs).train()


def files_in(folder: Path):
    """Files of the work directory, with what checkpoints say of other files."""
    found = {}
    for path in (folder / 'work').iterdir():
        if path.suffix == '.pth':
            info = torch.load(path, weights_only=True)['message_hub']['runtime_info']
            keys = ('keep_ckpt_ids', 'last_ckpt', 'best', 'superseded')
            found[path.name] = {
                key: str(info[key]).replace(str(folder), '')
                for key in info
                if key.startswith(keys)
            }
        elif path.is_file() and path.suffix != '.py':
            found[path.name] = path.read_text().replace(str(folder), '')
    return found


@pytest.mark.parametrize(
    'hook, names',
    [
        (dict(max_keep_ckpts=2), ['epoch_3.pth', 'epoch_4.pth']),
        (dict(max_keep_ckpts=-1), [f'epoch_{n}.pth' for n in (1, 2, 3, 4)]),
        (dict(interval=3), ['epoch_4.pth']),
        (dict(save_best='acc'), ['best_acc_epoch_4.pth', 'epoch_4.pth']),
    ],
)
def test_files_are_those_of_mmengine(tmp_path, hook, names):
    for kind in ('AtomicCheckpointHook', 'CheckpointHook'):
        train(tmp_path / kind, type=kind, **hook)
        found = files_in(tmp_path / kind)
        assert sorted(found) == [*names, 'last_checkpoint']
        assert found['last_checkpoint'].endswith('/work/epoch_4.pth')


def latest_of(folder: Path):
    """What a run is resumed from: it must be whole, and what it names be there."""
    latest = find_latest(Checkpoints(), folder / 'work')
    last = folder / 'work' / 'last_checkpoint'
    assert not last.exists() or latest == last.read_text()
    if latest is not None:
        info = torch.load(latest, weights_only=True)['message_hub']['runtime_info']
        for key in info:
            assert not key.startswith('best_ckpt') or os.path.isfile(info[key])
    return latest


@pytest.mark.parametrize(
    'hook, epochs, step',
    [
        (BEST, 3, 17),
        pytest.param(BEST, 3, 1, marks=pytest.mark.slow),
        pytest.param(TWO_BEST, 4, 5, marks=pytest.mark.slow),
    ],
)
def test_killed_between_any_two_operations(tmp_path, hook, epochs, step):
    train(tmp_path, epochs, **hook)
    expected = files_in(tmp_path)
    for kill in itertools.count(1, step):
        folder = tmp_path / f'killed_{kill}'
        with killed_at(kill) as killed:
            train(folder, epochs, **hook)
        if not killed:
            break
        # Once more while it tidies up after the first time, or soon after that.
        with killed_at(1 + kill % 5):
            train(folder, epochs, resume=latest_of(folder), **hook)
        train(folder, epochs, resume=latest_of(folder), **hook)
        assert files_in(folder) == expected, kill
    assert kill > 50


def test_disk_that_is_full(tmp_path):
    """The run ends with a sentence and goes on when there is room."""
    train(tmp_path / 'whole', 3)
    runner = runner_in(tmp_path, 3)

    def fill(runner):
        if runner.epoch == 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (5000, -1))

    runner.register_hook(Keep('after_train_epoch', fill, priority=0))
    message = 'work/epoch_2.pth cannot be written: File too large.$'
    with no_file_longer_than(10**9), pytest.raises(OutputError, match=message):
        runner.train()
    assert sorted(files_in(tmp_path)) == ['epoch_1.pth', 'last_checkpoint']
    train(tmp_path, 3, resume=latest_of(tmp_path))
    assert files_in(tmp_path) == files_in(tmp_path / 'whole')


def test_leftovers_are_removed_from_both_folders(tmp_path):
    other = tmp_path / 'other' / 'work'
    (tmp_path / 'work').mkdir()
    other.mkdir(parents=True)
    for folder in (tmp_path / 'work', other):
        (folder / f'.subnet.pth.abcdefgh{SUFFIX}').write_text('half')
    train(tmp_path, 1, out_dir=str(tmp_path / 'other'))
    assert os.listdir(other) == ['epoch_1.pth']
    assert list(files_in(tmp_path)) == ['last_checkpoint']


def test_backend_of_the_user_is_used(tmp_path, monkeypatch):
    put = []
    monkeypatch.setattr(LocalBackend, 'put', lambda self, obj, path: put.append(path))
    train(tmp_path, 1, backend_args=dict(backend='local'))
    assert put == [f'{tmp_path}/work/epoch_1.pth']


@pytest.mark.parametrize('hook', [dict(save_best='x'), dict(save_best='x', rule='no')])
def test_a_best_that_is_none(tmp_path, hook):
    with pytest.raises(ConfigError, match=r"checkpoint.save_best must .* are \['x'\]"):
        runner_in(tmp_path, **hook)


def test_saving_by_iterations_in_a_run_of_epochs(tmp_path):
    with pytest.raises(ConfigError, match='checkpoint.by_epoch .* but is False'):
        train(tmp_path, by_epoch=False)
    runner = runner_in(tmp_path, by_epoch=False)
    runner._train_loop = dict(by_epoch=False, max_iters=2, val_interval=9)
    runner.train()
    assert sorted(files_in(tmp_path)) == ['iter_2.pth', 'last_checkpoint']
