"""From a folder of images to a tested child, as a user types it."""

import re

import torch
from mmengine.config import Config

from tests.pictures import write_images

# Names of classes, and of their folder, are no code.
DARK, LIGHT, OWN = "it's {0} %d, dark", 'pass', "my {own} 'images' [1]"
OPTIONS = ('train_dataloader.num_workers=0', 'val_dataloader.num_workers=0')


def test_a_folder_of_images(run_tool, tmp_path):
    for name, start in ((DARK, 0), (LIGHT, 150)):
        write_images(tmp_path / OWN / name, 20, (20, 24), start)
    (tmp_path / OWN / DARK / 'bad.png').write_bytes(b'x')
    (tmp_path / OWN / DARK / 'notes.txt').write_text('taken in May')
    config = 'dsnas_supernet_1xb64_folder'
    fitted = (f'data_root={OWN}', 'own_images.epochs=3', 'own_images.input_size=80')
    limit = ('--cfg-options', 'model.cost.limit=5')
    done = run_tool(
        'train.py', config, '--cfg-options', *fitted, *OPTIONS, *limit, cwd=tmp_path
    )
    said = done.stdout[done.stdout.index('The plan:') : done.stdout.index('Epoch(')]
    assert '\n40 images of 2 classes in ' in said
    assert '\n  32 to train on; 8 to validate on, held out of each class' in said
    assert f'\n  {DARK} 20, {LIGHT} 20\n' in said
    assert f'\n  left out, cannot be decoded: {DARK}/bad.png\n' in said
    assert f'\n  left out, no image by its ending: {DARK}/notes.txt\n' in said
    assert ' with a limit of 5 MFLOPs\n  3 epochs: 1 pretrain, 1 search, 1' in said
    assert '\n  images of 80 x 80, batches of 16, 2 steps an epoch\n  about ' in said
    assert '\x1b[?25' not in done.stdout

    work_dir = tmp_path / 'work_dirs' / config
    meta = torch.load(work_dir / 'subnet.pth', weights_only=True)['meta']
    assert meta['mflops'] <= 5 and meta['input_shape'] == (1, 3, 80, 80)
    assert meta['dataset_meta']['classes'] == (DARK, LIGHT)
    left = Config.fromfile(work_dir / f'{config}.py')
    assert left.own_images.found['left_out']['broken'] == [f'{DARK}/bad.png']
    assert left.own_images.found['images']['val'] == [[DARK, 4], [LIGHT, 4]]

    # Its own input size would be 64.
    done = run_tool(
        'test.py',
        'dsnas_subnet_1xb64_folder',
        work_dir / 'subnet.pth',
        *('--cfg-options', f'data_root={OWN}', 'test_dataloader.num_workers=0'),
        cwd=tmp_path,
    )
    (accuracy,) = re.findall(r'^accuracy/top1: (.*)', done.stdout, re.M)
    assert float(accuracy) == round(meta['metrics']['accuracy/top1'], 4)
    assert "{'type': 'mmcls.CenterCrop', 'crop_size': 80}" in done.stdout

    # Other classes are refused.
    (tmp_path / OWN / DARK).rename(tmp_path / OWN / 'shady')
    done = run_tool(
        'test.py',
        'dsnas_subnet_1xb64_folder',
        work_dir / 'subnet.pth',
        *('--cfg-options', f'data_root={OWN}', 'test_dataloader.num_workers=0'),
        cwd=tmp_path,
        fails=True,
    )
    last = done.stderr.splitlines()[-1]
    assert f'is of the classes {[DARK, LIGHT]}, but the images are of ' in last

    # A checkpoint of the search says the size too; no images are needed.
    last, again = work_dir / 'epoch_3.pth', tmp_path / 'again.pth'
    options = (again,)
    run_tool(
        'model_converters/convert_supernet2subnet.py',
        config,
        last,
        *options,
        cwd=tmp_path,
    )
    converted = torch.load(again, weights_only=True)['meta']
    assert converted['mflops'] == meta['mflops']
    assert converted['input_shape'] == (1, 3, 80, 80)
