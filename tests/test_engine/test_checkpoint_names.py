"""What a checkpoint says of other files leads to no file outside its folder."""

from pathlib import Path

import pytest
import torch

from mmdsnas.subnets.checkpoint_files import Checkpoints, find_latest
from tests.test_engine.test_atomic_checkpoint_hook import files_in, train


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
def test_files_elsewhere_are_never_removed(tmp_path, messages, several):
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
        told = [line for line in messages if 'as its best' in line]
        assert len(told) == len(keys) + 4
        assert any("'../best_x.pth'" in line for line in told)
        assert {'epoch_3.pth', 'best_acc_epoch_3.pth'} <= set(files_in(tmp_path))
        messages.clear()
    resumed_with(tmp_path, dict(keep_ckpt_ids='all'))


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
