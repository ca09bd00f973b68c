"""Files that nobody vouches for, given to the tools in this process."""

import os
import re
import runpy
import shutil
import sys

import pytest
import torch
from mmengine.logging import MessageHub, MMLogger
from mmengine.registry import DefaultScope
from mmengine.visualization import Visualizer

from tests.payload import Payload
from tests.test_tools.conftest import DIGITS, ROOT, SHORT, SMALL_TEST
from tests.test_utils.test_files import no_file_longer_than

CHILD = 'dsnas_subnet_1xb64_digits'
CONVERT = 'model_converters/convert_supernet2subnet.py'
SHAPE = 'model.resource_estimator.input_shape=(1,3,32,32)'


@pytest.fixture
def run_here(monkeypatch, capsys, tmp_path):
    """Runs a tool here; returns its error and all that it printed."""
    managers = (DefaultScope, MessageHub, MMLogger, Visualizer)
    monkeypatch.chdir(tmp_path)
    # With this torch trusts every file unless told otherwise.
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    monkeypatch.setenv('LOCAL_RANK', '0')

    def run(tool, *args):
        kept = [manager._instance_dict.copy() for manager in managers]
        # One that is there already prints where stdout was then.
        MMLogger._instance_dict.clear()
        monkeypatch.setattr(sys, 'argv', [tool, *map(str, args)])
        failed = False
        try:
            runpy.run_path(str(ROOT / 'tools' / tool), run_name='__main__')
        except SystemExit as end:
            assert end.code in (0, 1)
            failed = bool(end.code)
        for manager, instances in zip(managers, kept):
            manager._instance_dict.clear()
            manager._instance_dict.update(instances)
        printed = capsys.readouterr()
        error = printed.err[printed.err.index('error: ') :] if failed else None
        return error and error.rstrip('\n'), printed.out + printed.err

    return run


def tree(folder):
    return {os.path.join(d, name) for d, _, names in os.walk(folder) for name in names}


TOOLS = {
    'resume': [
        'train.py',
        DIGITS,
        '--resume',
        'work/epoch_3.pth',
        '--work-dir',
        'work',
    ],
    'resume auto': ['train.py', DIGITS, '--resume', '--work-dir', 'work'],
    'load_from': ['train.py', DIGITS, '--cfg-options', 'load_from=work/epoch_3.pth'],
    'init_cfg': [
        'train.py',
        CHILD,
        '--cfg-options',
        *SHORT[4:8],
        'model.fix_subnet=dsnas_digits',
        'model.init_cfg.type=Pretrained',
        'model.init_cfg.checkpoint=work/epoch_3.pth',
        'train_cfg.max_epochs=0',
    ],
    'test': ['test.py', CHILD, 'work/epoch_3.pth'],
    'convert': [CONVERT, DIGITS, 'work/epoch_3.pth', 'out'],
    'official': ['model_converters/convert_official.py', 'work/epoch_3.pth', 'out.pth'],
}


@pytest.mark.parametrize('args', TOOLS.values(), ids=list(TOOLS))
def test_payload_runs_with_the_flag_alone(run_here, tmp_path, args):
    payload = Payload(tmp_path / 'it_ran')
    work = tmp_path / 'work'
    work.mkdir()
    payload.in_file(work / 'epoch_3.pth', state_dict={'x': torch.zeros(1)})
    (work / 'last_checkpoint').write_text('work/epoch_3.pth')
    error, printed = run_here(*args)
    assert not payload.ran()
    assert re.match('error: .*checkpoint work/epoch_3.pth holds objects', error), (
        printed
    )
    assert '--trust-checkpoint loads any objects, which can run any code' in error
    run_here(args[0], '--trust-checkpoint', *args[1:])
    assert payload.ran()


def test_flag_says_what_it_means(run_here):
    for tool in {args[0] for args in TOOLS.values()}:
        error, printed = run_here(tool, '--help')
        text = ' '.join(printed.split())
        assert error is None and 'can run any code that is in the file' in text


@pytest.fixture
def work(search, tmp_path):
    """A copy of a finished search."""
    work = tmp_path / 'inner' / 'work'
    shutil.copytree(search[0], work, ignore=shutil.ignore_patterns('2*'))
    return work


def train(work, *args):
    options = ('--work-dir', work, '--cfg-options', *SHORT)
    return ('train.py', DIGITS, *args, *options)


def test_what_a_checkpoint_says_is_neither_run_nor_followed(run_here, work, tmp_path):
    path = work / 'epoch_2.pth'
    checkpoint = torch.load(path, weights_only=True)
    meta, hub = checkpoint['meta'], checkpoint['message_hub']
    mark = tmp_path / 'it_ran'
    # mmengine runs the text "config" of a checkpoint that it resumes.
    meta.update(config=f'import os\nos.mkdir({str(mark)!r})', cfg='import os, none')
    meta.update(experiment_name='../../escaped', time='../../escaped')
    outside = tmp_path / 'best_x.pth'
    outside.write_text('')
    keys = dict(best_ckpt=str(outside), last_ckpt='../../escaped.pth')
    keys.update(keep_ckpt_ids=['/../../../x'], experiment_name='../../escaped')
    keys.update(superseded_ckpts=['../../best_x.pth'])
    hub['runtime_info'].update(keys)
    hub['resumed_keys'].update(dict.fromkeys(keys, True))
    hub['log_scalars']['train/../../escaped'] = hub['log_scalars']['train/loss']
    torch.save(checkpoint, path)
    before = tree(tmp_path)
    options = ['default_hooks.checkpoint.save_best=auto', 'vis_backends=[]']
    error, printed = run_here(*train(work, '--resume', path), *options[:1])
    assert error is None, error
    assert 'resumed epoch: 2' in printed
    assert not mark.exists() and outside.exists()
    assert {p for p in tree(tmp_path) ^ before if not p.startswith(str(work))} == set()

    # A subnet names blocks, not files.
    checkpoint['meta']['subnet'] = {'../../escaped': '../../escaped'}
    torch.save(checkpoint, path)
    before = tree(tmp_path)
    error, _ = run_here('test.py', CHILD, path, '--work-dir', work)
    assert error.startswith("error: the subnet names block '../../escaped'")
    out = tmp_path / 'inner' / 'out'
    error, _ = run_here(CONVERT, DIGITS, path, out, '--cfg-options', SHAPE)
    assert error is None
    left = {os.path.relpath(p, tmp_path) for p in tree(tmp_path) - before}
    left = {name for name in left if not name.startswith('inner/work/2')}
    assert left == {'inner/out/subnet.pth', 'inner/out/subnet.yaml'}


def test_newest_checkpoint_that_is_cut_off(run_here, work):
    names = {path.name for path in work.glob('*.*')}
    newest = work / 'epoch_3.pth'
    whole = torch.load(newest, weights_only=True)['meta']['subnet']
    (work / 'last_checkpoint').write_text('/where/it/was/epoch_3.pth')
    newest.write_bytes(newest.read_bytes()[:-10])
    error, printed = run_here(*train(work, '--resume'))
    assert error is None, error
    message = f'checkpoint {newest} is damaged: .*: {work}/epoch_2.pth is resumed.'
    assert re.search(message, printed)
    assert 'resumed epoch: 2' in printed
    assert (
        torch.load(newest, weights_only=True)['meta']['subnet'].keys() == whole.keys()
    )
    left = {path.name for path in work.glob('*.*') if not path.name.startswith('2')}
    assert left == names


def test_checkpoint_as_mmengine_writes_it(run_here, work, tmp_path):
    """Without the hook that makes plain values of its history."""
    path = work / 'epoch_2.pth'
    checkpoint = torch.load(path, weights_only=True)
    hub = MessageHub('history')
    hub.update_scalar('train/loss', 1.0)
    checkpoint['message_hub'] = hub.state_dict()
    torch.save(checkpoint, path)
    for args in (
        train(work, '--resume', path),
        ('test.py', CHILD, path, '--cfg-options', *SMALL_TEST),
        (CONVERT, DIGITS, path, tmp_path / 'out', '--cfg-options', SHAPE),
    ):
        error, printed = run_here(*args)
        assert error is None, error
    with pytest.raises(Exception, match='Weights only load failed'):
        torch.load(path, weights_only=True)


def test_result_that_does_not_fit(run_here, work, tmp_path):
    out = tmp_path / 'out'
    args = (work / 'epoch_3.pth', out, '--cfg-options', SHAPE)
    with no_file_longer_than(10_000):
        error, _ = run_here(CONVERT, DIGITS, *args)
    assert error == f'error: {out}/subnet.pth cannot be written: File too large.'
    assert os.listdir(out) == []


def test_work_directory_that_cannot_be(run_here, tmp_path):
    (tmp_path / 'file').write_text('')
    error, _ = run_here(*train(tmp_path / 'file' / 'work'))
    assert error == (
        'error: work_dir must be a folder that can be written, but is '
        f'{tmp_path}/file/work: Not a directory.'
    )
