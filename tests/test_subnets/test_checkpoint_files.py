"""Which checkpoint a run goes on with, and how it is loaded."""

import os

import pytest
import torch
import torch.multiprocessing as mp
from mmengine.logging import MMLogger
from mmengine.runner import CheckpointLoader
from mmengine.runner.checkpoint import _load_checkpoint

from mmdsnas.errors import CheckpointError, UserError
from mmdsnas.subnets import checkpoint_files as module
from mmdsnas.subnets.checkpoint_files import Checkpoints, find_latest
from tests.payload import Payload


@pytest.fixture
def work(tmp_path):
    """A work directory with checkpoints of three epochs."""
    folder = tmp_path / 'work'
    folder.mkdir()
    for epoch in (2, 9, 10):
        torch.save(dict(state_dict={}, epoch=epoch), folder / f'epoch_{epoch}.pth')
    torch.save(dict(state_dict={}), folder / 'best_acc_epoch_11.pth')
    (folder / 'last_checkpoint').write_text(str(folder / 'epoch_10.pth'))
    return folder


@pytest.fixture
def log():
    lines = []
    logger = MMLogger.get_current_instance()
    keep = lambda record: lines.append(record.getMessage()) or True  # noqa: E731
    logger.addFilter(keep)
    yield lines
    logger.removeFilter(keep)


def latest(work):
    path = find_latest(Checkpoints(), work)
    return path and os.path.relpath(path, work.parent)


def cut(path):
    path.write_bytes(path.read_bytes()[:500])


def test_the_one_that_is_named(work, log):
    assert latest(work) == 'work/epoch_10.pth'
    (work / 'last_checkpoint').write_text(f'{work}/epoch_9.pth\n')
    assert latest(work) == 'work/epoch_9.pth'
    (work / 'last_checkpoint').write_text(f'{work}/best_acc_epoch_11.pth')
    assert latest(work) == 'work/best_acc_epoch_11.pth'
    assert not log


def test_damaged_ones_are_named_and_passed_over(work, log):
    cut(work / 'epoch_10.pth')
    assert latest(work) == 'work/epoch_9.pth'
    assert len(log) == 1
    assert f'checkpoint {work}/epoch_10.pth is damaged' in log[0]
    assert log[0].endswith(f'{work}/epoch_9.pth is resumed.')
    (work / 'epoch_9.pth').write_bytes(b'')
    assert latest(work) == 'work/epoch_2.pth'
    assert len(log) == 3
    (work / 'epoch_2.pth').unlink()
    (work / 'epoch_2.pth').mkdir()
    message = (
        f'^no checkpoint of {work} can be resumed: checkpoint {work}/epoch_10.pth is '
        f'damaged.*; checkpoint {work}/epoch_9.pth .*{work}/epoch_2.pth is not a fi'
    )
    with pytest.raises(CheckpointError, match=message):
        latest(work)


def test_missing_one_is_named(work, log):
    (work / 'epoch_10.pth').unlink()
    assert latest(work) == 'work/epoch_9.pth'
    assert f'checkpoint {work}/epoch_10.pth does not exist' in log[0]
    for name in ('epoch_9.pth', 'epoch_2.pth'):
        (work / name).unlink()
    with pytest.raises(CheckpointError, match='be resumed: .*epoch_10.pth does not ex'):
        latest(work)


def test_the_one_before_comes_before_later_ones(work):
    """Those are of a run that was gone back behind, or were not named yet."""
    (work / 'last_checkpoint').write_text(str(work / 'epoch_9.pth'))
    cut(work / 'epoch_9.pth')
    assert latest(work) == 'work/epoch_2.pth'
    cut(work / 'epoch_2.pth')
    assert latest(work) == 'work/epoch_10.pth'


def test_folders(work, tmp_path):
    """A work directory that was moved, and one whose checkpoints are elsewhere."""
    moved = work.rename(tmp_path / 'moved')
    assert latest(moved) == 'moved/epoch_10.pth'
    (moved / 'epoch_10.pth').unlink()
    assert latest(moved) == 'moved/epoch_9.pth'
    empty = tmp_path / 'empty'
    empty.mkdir()
    (empty / 'last_checkpoint').write_text(str(moved / 'epoch_9.pth'))
    assert latest(empty) == 'moved/epoch_9.pth'
    cut(moved / 'epoch_9.pth')
    assert latest(empty) == 'moved/epoch_2.pth'
    # A copy of the work directory, some of whose checkpoints were removed.
    torch.save(dict(state_dict={}), empty / 'epoch_3.pth')
    (empty / 'last_checkpoint').write_text(str(moved / 'epoch_2.pth'))
    assert latest(empty) == 'empty/epoch_3.pth'


@pytest.mark.parametrize(
    'text', [None, '', b'\xff\xfe', 'epoch_9.pth\0', '/', '9' * 6000]
)
def test_last_checkpoint_that_says_nothing(work, tmp_path, text):
    path = work / 'last_checkpoint'
    path.unlink()
    if text is not None:
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
    if text in (None, '', b'\xff\xfe'):
        assert latest(work) == 'work/epoch_10.pth'
    else:
        with pytest.raises(CheckpointError, match='can be resumed: '):
            latest(work)
    assert latest(tmp_path / 'none') is None


def ranks(rank, work, queue):
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{work}/store', rank=rank, world_size=2
    )
    # Rank 1 sees nothing of the folder, or another state of it.
    folders = [work, work / 'none']
    answers = []
    for step in range(3):
        try:
            answers.append(find_latest(Checkpoints(), folders[rank]))
        except UserError as error:
            answers.append(str(error))
        except KeyboardInterrupt:
            answers.append('interrupted')
        if step == 0 and rank == 0:
            for path in work.glob('epoch_*.pth'):
                cut(path)
        if step == 1 and rank == 0:
            module._first_whole = interrupted
    queue.put((rank, answers))
    torch.distributed.destroy_process_group()


def interrupted(*_):
    raise KeyboardInterrupt


def test_ranks_decide_alike(work):
    """Also that there is none to resume, and none hangs whatever happens to rank 0."""
    context = mp.get_context('fork')
    queue = context.Queue()
    args = [(rank, work, queue) for rank in (0, 1)]
    processes = [context.Process(target=ranks, args=a, daemon=True) for a in args]
    for process in processes:
        process.start()
    answers = dict(queue.get(timeout=120) for _ in processes)
    for process in processes:
        process.join(60)
    assert answers[0][0] == answers[1][0] == str(work / 'epoch_10.pth')
    assert answers[0][1] == answers[1][1]
    assert answers[0][1].startswith(f'no checkpoint of {work} can be resumed')
    assert answers[0][2] == 'interrupted'
    assert answers[1][2] == 'rank 0 failed to look for a checkpoint to resume.'


def test_file_is_read_once_for_us_and_mmengine(work, monkeypatch):
    path = str(work / 'epoch_9.pth')
    reads = []
    real = torch.load
    monkeypatch.setattr(torch, 'load', lambda *a, **k: reads.append(a) or real(*a, **k))
    checkpoints = Checkpoints()
    (work / 'last_checkpoint').write_text(path)
    assert find_latest(checkpoints, work) == path
    first = checkpoints.load(path)
    with checkpoints.for_mmengine():
        assert _load_checkpoint(path) is first
        assert len(reads) == 1
        # What mmengine was given it may have changed.
        assert _load_checkpoint(path) is not first
    assert len(reads) == 2


def test_whatever_mmengine_loads_is_safe(work, monkeypatch):
    payload = Payload(work / 'it_ran')
    path = str(payload.in_file(work / 'evil.pth'))
    # What people set to load mmengine's checkpoints with a torch of today.
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    before = CheckpointLoader._schemes.copy()
    with Checkpoints().for_mmengine():
        with pytest.raises(CheckpointError, match='--trust-checkpoint'):
            _load_checkpoint(path)
        # As torch.hub does for files of the web, and mmengine for those of a cloud.
        for kwargs in (dict(weights_only=False), dict()):
            with pytest.raises(Exception, match='Weights only load failed'):
                torch.load(path, **kwargs)
        assert not payload.ran()
    with Checkpoints(trust=True).for_mmengine():
        _load_checkpoint(path)
    assert payload.ran()
    assert CheckpointLoader._schemes == before
    assert os.environ['TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'] == '1'
    assert 'TORCH_FORCE_WEIGHTS_ONLY_LOAD' not in os.environ
