"""Which files a run leaves, whenever it is killed and whatever it resumes."""

import itertools
import logging
import os
import resource
from pathlib import Path

import pytest
import torch
from mmengine.evaluator import BaseMetric
from mmengine.fileio import LocalBackend
from mmengine.hooks import Hook
from mmengine.logging import MMLogger
from mmengine.runner import Runner

from mmdsnas.command_line.checkpoints import Checkpoints, find_latest
from mmdsnas.errors import ConfigError, OutputError
from mmdsnas.registry import METRICS
from mmdsnas.utils.files import SUFFIX
from tests.killing import killed_at
from tests.test_utils.test_files import no_file_longer_than
from tests.toy import ToyNet
from tests.toy_run import Keep, loader, runner_of

RUNS = itertools.count()
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
        (dict(max_keep_ckpts=1, save_best='acc'), 3, 1),
        (dict(max_keep_ckpts=1, interval=2, save_best=['acc', 'loss']), 4, 5),
    ],
    ids=['each epoch', 'two best'],
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
    work = tmp_path / 'work'
    fill = Keep(
        'after_train_epoch',
        lambda r: (
            r.epoch == 1 and resource.setrlimit(resource.RLIMIT_FSIZE, (5000, -1))
        ),
        priority=0,
    )
    runner.register_hook(fill)
    message = f'^{work}/epoch_2.pth cannot be written: File too large.$'
    with no_file_longer_than(10**9), pytest.raises(OutputError, match=message):
        runner.train()
    assert sorted(files_in(tmp_path)) == ['epoch_1.pth', 'last_checkpoint']
    train(tmp_path, 3, resume=latest_of(tmp_path))
    assert files_in(tmp_path) == files_in(tmp_path / 'whole')


@pytest.fixture
def warnings():
    """What the log warns of, through whatever logger."""
    lines = []
    handler = logging.Handler(logging.WARNING)
    handler.emit = lambda record: lines.append(record.getMessage())
    make = MMLogger.__init__

    def with_handler(logger, *args, **kwargs):
        make(logger, *args, **kwargs)
        logger.addHandler(handler)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MMLogger, '__init__', with_handler)
        yield lines


def resumed_with(folder: Path, info: dict, **hook) -> None:
    """Two more epochs after one whose checkpoint has been tampered with."""
    train(folder, 1, **hook)
    path = folder / 'work' / 'epoch_1.pth'
    checkpoint = torch.load(path, weights_only=True)
    checkpoint['message_hub']['runtime_info'].update(info)
    checkpoint['message_hub']['resumed_keys'].update(dict.fromkeys(info, True))
    torch.save(checkpoint, path)
    train(folder, 3, resume=str(path), **hook)


@pytest.mark.parametrize('several', [False, True])
def test_files_elsewhere_are_never_removed(tmp_path, warnings, several):
    (tmp_path / 'work').mkdir()
    outside = [
        tmp_path / 'best_x.pth',
        tmp_path / 'x.pth',
        tmp_path / 'work' / 'own.pth',
    ]
    for path in outside:
        torch.save(dict(message_hub=dict(runtime_info={})), path)
    keys = ['best_ckpt_acc', 'best_ckpt_loss'] if several else ['best_ckpt']
    names = [str(outside[0]), f'{tmp_path}/work/../x.pth', str(outside[2]), 7, ['a']]
    for name in names:
        info = dict.fromkeys(keys, name)
        info['superseded_ckpts'] = ['own.pth', '../best_x.pth', str(outside[1]), 3]
        info['keep_ckpt_ids'] = ['../../x', 1.5, True, None, 1]
        save_best = ['acc', 'loss'] if several else 'acc'
        resumed_with(tmp_path, info, save_best=save_best)
        assert all(path.exists() for path in outside)
        assert any(
            f'names {str(name)!r} as its best, which is n' in line for line in warnings
        )
        assert any("['../../x', 1.5, True, None, 1] as numbers" in w for w in warnings)
        assert any("'../best_x.pth' as its best" in w for w in warnings)
        assert {'epoch_3.pth', 'best_acc_epoch_3.pth'} <= set(files_in(tmp_path))
        warnings.clear()
    resumed_with(tmp_path, dict(keep_ckpt_ids='all'))
    assert any('all as numbers' in line for line in warnings)


def test_work_directory_that_was_moved(tmp_path):
    """Its files are still known as its own: none is left over at the end."""
    train(tmp_path / 'before', 2, save_best='acc')
    (tmp_path / 'before').rename(tmp_path / 'after')
    moved = find_latest(Checkpoints(), tmp_path / 'after' / 'work')
    assert moved == f'{tmp_path}/after/work/epoch_2.pth'
    train(tmp_path / 'after', 3, resume=moved, save_best='acc')
    train(tmp_path / 'whole', 3, save_best='acc')
    assert files_in(tmp_path / 'after') == files_in(tmp_path / 'whole')


def test_number_that_comes_again_is_not_removed(tmp_path):
    """A checkpoint may say that a later one than itself is the oldest."""
    resumed_with(tmp_path, dict(keep_ckpt_ids=[3, 2, 1]), max_keep_ckpts=3)
    assert {'epoch_3.pth', 'epoch_2.pth'} <= set(files_in(tmp_path))


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


def test_saving_by_iterations_in_a_run_of_epochs(tmp_path):
    message = '^default_hooks.checkpoint.by_epoch must be True .* but is False.$'
    with pytest.raises(ConfigError, match=message):
        train(tmp_path, by_epoch=False)
    runner = runner_in(tmp_path, by_epoch=False)
    runner._train_loop = dict(by_epoch=False, max_iters=2, val_interval=9)
    runner.train()
    assert sorted(files_in(tmp_path)) == ['iter_2.pth', 'last_checkpoint']
