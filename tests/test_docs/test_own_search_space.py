"""The guide's two files, run as the guide says, on a folder of images."""

import os
import re
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

ROOT = Path(__file__).resolve().parents[2]
GUIDE = ROOT / 'docs' / 'en' / 'user_guides' / 'own_search_space.md'


def make_images(root: Path) -> None:
    """Two classes that differ in brightness, 16 images each."""
    rng = np.random.default_rng(0)
    for name, low in (('dark', 0), ('light', 128)):
        (root / name).mkdir(parents=True)
        for i in range(16):
            image = rng.integers(low, low + 128, (48, 40, 3), dtype=np.uint8)
            cv2.imwrite(str(root / name / f'{i}.png'), image)


@pytest.mark.slow
def test_guide_searches_its_space(tmp_path):
    space, config, _, _ = re.findall(r'```python\n(.*?)```', GUIDE.read_text(), re.S)
    command = re.search(r'```shell\n(.*?)```', GUIDE.read_text(), re.S).group(1)
    folder = tmp_path / 'my_space'
    folder.mkdir()
    (folder / 'my_space.py').write_text(space)
    (folder / 'my_search.py').write_text(config)
    make_images(tmp_path / 'data' / 'images')
    for name in ('configs', 'tools'):
        (tmp_path / name).symlink_to(ROOT / name)

    short = (
        'model.pretrain_epochs=1 model.finetune_epochs=2 train_cfg.max_epochs=3 '
        'train_dataloader.batch_size=8 train_dataloader.num_workers=0 '
        'train_dataloader.persistent_workers=False '
        'val_dataloader.num_workers=0 val_dataloader.persistent_workers=False '
        'param_scheduler.architecture.1.T_max=1 param_scheduler.architecture.1.end=3'
    )
    command = command.replace('PYTHONPATH=my_space python', sys.executable)
    done = subprocess.run(
        f'{command.strip()} {short}',
        shell=True,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env={**os.environ, 'PYTHONPATH': os.pathsep.join(['my_space', str(ROOT)])},
    )
    assert done.returncode == 0, done.stderr
    assert 'counts no FLOPs' not in done.stdout + done.stderr
    child = torch.load(
        tmp_path / 'work_dirs' / 'my_space' / 'subnet.pth', weights_only=True
    )
    assert set(child['meta']['subnet']) == {f'backbone.layers.{i}' for i in range(4)}
    assert child['state_dict']['head.fc.weight'].shape == (2, 128)


def test_mutable_parts_take_fewer_than_25_lines():
    space, config, shared, _ = re.findall(
        r'```python\n(.*?)```', GUIDE.read_text(), re.S
    )
    backbone = space[space.index('class MyBackbone') :]
    block = re.search(r'^block = .*?^ *pool=.*?$', config, re.S | re.M).group(0)
    lines = [line for line in (backbone + block).splitlines() if line.strip()]
    assert len(lines) < 25
    shared = shared[: shared.index('\n\nbackbone = ')]
    assert len([line for line in shared.splitlines() if line.strip()]) < 25
