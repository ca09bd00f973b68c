"""Which file tells of the child of a run."""

import errno
import os
from pathlib import Path

import pytest

from mmdsnas.subnets.checkpoint import save_checkpoint
from mmdsnas.visualization.found_child import read_child

FIRST = dict(done=2.9, validated=2)
SECOND = dict(FIRST, begun='20260102_000000')


def save(path: Path, subnet, **meta) -> None:
    save_checkpoint(dict(meta=dict(meta, subnet=subnet), state_dict={}), path)


@pytest.mark.parametrize('progress, epochs', [(FIRST, (0, 1, 2, 3)), (SECOND, (2, 3))])
def test_child_is_as_old_as_the_last_validation(tmp_path, progress, epochs):
    """A run that is the first in its folder may not have logged it."""
    for epoch in (None, 0, 1, 2, 3, 4, 100):
        save(tmp_path / 'subnet.pth', {'a': 'x'}, epoch=epoch)
        blocks = read_child(tmp_path, **progress).blocks
        assert bool(blocks) == (epoch is None or epoch in epochs)


@pytest.mark.parametrize(
    'time, epoch, progress, wanted',
    [
        ('20260101_235959', 3, FIRST, True),
        ('20260101_235959', 3, SECOND, False),
        ('20260102_000001', 3, SECOND, True),
        ('20260102_000001', 4, SECOND, False),
        (3, 2, SECOND, True),
        (None, None, SECOND, True),
    ],
)
def test_checkpoint_is_younger_than_the_start(tmp_path, time, epoch, progress, wanted):
    save(tmp_path / 'last.pth', {'a': 'x'}, epoch=epoch, time=time)
    (tmp_path / 'last_checkpoint').write_text('last.pth')
    assert bool(read_child(tmp_path, **progress).blocks) == wanted


def test_next_file_takes_the_place_of_one_that_is_left_out(tmp_path):
    def chosen():
        child = read_child(tmp_path, **FIRST)
        chosen = [block['candidate'] for block in child.blocks.values()]
        return chosen, child.left_out

    save(tmp_path / 'epoch_2.pth', {'a': 'of epoch 2'}, epoch=2)
    (tmp_path / 'last_checkpoint').write_text('/moved/epoch_2.pth')
    assert chosen() == (['of epoch 2'], [])
    save(tmp_path / 'subnet.pth', {'a': 'of pth'}, epoch=2)
    assert chosen() == (['of pth'], [])
    save(tmp_path / 'subnet.pth', {'a': 'of pth'}, epoch=4)
    assert chosen() == (['of epoch 2'], ['subnet.pth, which is not of this run'])
    save(tmp_path / 'epoch_2.pth', {}, epoch=4)
    assert chosen()[0] == [] and len(chosen()[1]) == 2
    save(tmp_path / 'subnet.pth', {'a': 7})
    save(tmp_path / 'epoch_2.pth', {'a': 'of epoch 2'}, epoch=2)
    (told,) = chosen()[1]
    assert chosen()[0] == ['of epoch 2'] and 'the entry of' in told
    (tmp_path / 'epoch_2.pth').unlink()
    (tmp_path / 'subnet.pth').write_bytes(b'PK')
    candidates, (told,) = chosen()
    assert candidates == [] and 'subnet.pth' in told


def test_last_checkpoint_that_cannot_be_read(tmp_path, monkeypatch):
    save(tmp_path / 'subnet.pth', {'a': 'of pth'})
    last = tmp_path / 'last_checkpoint'
    # No file can have such a name.
    last.write_text('x' * 300)
    assert read_child(tmp_path, **FIRST).blocks == {'a': dict(candidate='of pth')}

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, 'read_text', refuse)
    child = read_child(tmp_path, **FIRST)
    assert child.blocks == {'a': dict(candidate='of pth')}
    assert child.left_out == [f'{last} cannot be read: Permission denied']
