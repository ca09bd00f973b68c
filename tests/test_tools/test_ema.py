"""The child that is left is the one that was validated, also with EMA."""

import re

import torch

from tests.test_tools.conftest import DIGITS, ROOT, SHORT


def test_exported_child_has_the_validated_weights(run_tool, tmp_path):
    base = ROOT / 'configs' / 'dsnas' / f'{DIGITS}.py'
    config = tmp_path / 'ema.py'
    config.write_text(
        f"_base_ = ['{base}']\n"
        "default_hooks = dict(ema=dict(type='EMAHook', momentum=0.1))\n"
    )
    done = run_tool(
        'train.py', config, '--work-dir', 'work', '--cfg-options', *SHORT, cwd=tmp_path
    )
    printed = done.stdout + done.stderr
    last = torch.load(tmp_path / 'work' / 'epoch_3.pth', weights_only=True)
    child = torch.load(tmp_path / 'work' / 'subnet.pth', weights_only=True)
    name = 'head.fc.weight'
    # mmengine saves the averaged weights as the state dict.
    averaged = last['state_dict'][f'architecture.{name}']
    trained = last['ema_state_dict'][f'module.architecture.{name}']
    assert not torch.equal(averaged, trained)
    assert torch.equal(child['state_dict'][name], averaged)
    table = printed[printed.index('The search is done.') :]
    for block, candidate in child['meta']['subnet'].items():
        assert re.search(rf'{re.escape(block)} +{candidate} ', table)
