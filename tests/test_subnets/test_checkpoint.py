"""Loading files that nobody vouches for."""

import errno
import os

import pytest
import torch

from mmdsnas.errors import CheckpointError, OutputError
from mmdsnas.subnets.checkpoint import load_checkpoint, load_safely, save_checkpoint
from tests.payload import Payload
from tests.test_utils.test_files import no_file_longer_than

STATE = dict(state_dict=dict(w=torch.arange(3000.0)))


@pytest.mark.parametrize('zipped', [True, False])
def test_damaged_files(tmp_path, zipped):
    path = tmp_path / 'x.pth'
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    assert torch.equal(
        load_checkpoint(path)['state_dict']['w'], STATE['state_dict']['w']
    )
    for size in (0, 1, 10, 1000, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(CheckpointError, match=f'^checkpoint {path} .*damaged'):
            load_checkpoint(path)


def test_one_bit_among_the_weights(tmp_path):
    """torch itself would load it."""
    path = tmp_path / 'x.pth'
    save_checkpoint(STATE, path)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    weights = torch.load(path, weights_only=True)['state_dict']['w']
    assert not torch.equal(weights, STATE['state_dict']['w'])
    with pytest.raises(CheckpointError, match='damaged: .*data/0 does not have'):
        load_checkpoint(path)


def test_no_file(tmp_path):
    with pytest.raises(CheckpointError, match='checkpoint .*no.pth does not exist.$'):
        load_checkpoint(tmp_path / 'no.pth')
    with pytest.raises(CheckpointError, match=f'checkpoint {tmp_path} is not a file.$'):
        load_checkpoint(tmp_path)


def test_file_that_cannot_be_read(tmp_path, monkeypatch):
    """As one of somebody else; root may read all."""
    path = tmp_path / 'x.pth'
    save_checkpoint(STATE, path)

    def refuse(*args, **kwargs):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr('builtins.open', refuse)
    message = f'^checkpoint {path} cannot be read: Permission denied.$'
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


@pytest.mark.parametrize('zipped', [True, False])
def test_payload_runs_on_request_alone(tmp_path, monkeypatch, zipped):
    path = tmp_path / 'x.pth'
    payload = Payload(tmp_path / 'it_ran')
    content = dict(STATE, payload=payload)
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    # With this torch trusts every file by default.
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    for load in (load_safely, load_checkpoint):
        with pytest.raises(CheckpointError, match='--trust-checkpoint loads any obj'):
            load(path)
        assert not payload.ran()
        load(path, trust=True)
        assert payload.ran()


def test_text_that_mmengine_would_run_is_left_out(tmp_path):
    path = tmp_path / 'x.pth'
    save_checkpoint(dict(STATE, meta=dict(config='import os', epoch=3)), path)
    assert load_checkpoint(path)['meta'] == dict(epoch=3)


def test_file_that_does_not_fit(tmp_path):
    path = tmp_path / 'x.pth'
    save_checkpoint(STATE, path)
    before = path.read_bytes()
    message = f'^{path} cannot be written: File too large.$'
    with no_file_longer_than(5000), pytest.raises(OutputError, match=message):
        save_checkpoint(dict(STATE, more=torch.zeros(3000)), path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ['x.pth']
