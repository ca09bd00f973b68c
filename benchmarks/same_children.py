"""Holds the children of short searches against those of another checkout, bit by bit.

``python -m benchmarks.same_children PATH_OF_THE_OTHER`` runs three configs with two
seeds in both checkouts, one after another, with the Python that runs it. Each result is
a folder below ``--out``; what is there is not run again.
"""

import argparse
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import cv2
import torch
from sklearn.datasets import load_digits

OWN = Path(__file__).parents[1]
SHORT = ['model.pretrain_epochs=2', 'model.finetune_epochs=4', 'model.cost.limit=3']
EPOCHS = ['train_cfg.max_epochs=6', 'default_hooks.checkpoint.interval=6']
FEW = [f'{split}_dataloader.dataset.num_samples=1280' for split in ('train', 'val')]
CONFIGS: dict[str, list[str]] = {
    'digits': [*EPOCHS, *SHORT],
    'fashion-mnist': [*EPOCHS, *SHORT, *FEW],
    # The pixels of the digits, in folders.
    'folder': ['own_images.epochs=6', 'own_images.input_size=64', SHORT[-1]],
}
BATCHES = dict(digits='1xb64', folder='1xb64')


def write_folder(folder: Path) -> None:
    """Writes scikit-learn's digits as images in folders of classes."""
    digits = load_digits()
    for i, (image, label) in enumerate(zip(digits.images[:640], digits.target)):
        path = folder / str(label) / f'{i}.png'
        path.parent.mkdir(parents=True, exist_ok=True)
        large = cv2.resize((image * 15.9).astype('uint8'), (64, 64))
        assert cv2.imwrite(str(path), large)


def run(checkout: Path, name: str, seed: int, out: Path) -> Path:
    """Runs a search; gives its child's file."""
    child = out / 'subnet.pth'
    if not (out / 'done').is_file():
        config = f'dsnas_supernet_{BATCHES.get(name, "1xb128")}_{name}.py'
        options = [*CONFIGS[name], f'randomness.seed={seed}']
        if name == 'folder':
            images = out.parents[1] / 'images'
            write_folder(images)
            options.append(f'data_root={images}')
        command = [sys.executable, 'tools/train.py', f'configs/dsnas/{config}']
        command += ['--work-dir', str(out), '--cfg-options', *options]
        environment = dict(os.environ, PYTHONPATH=str(checkout), OMP_NUM_THREADS='1')
        subprocess.run(
            command,
            cwd=checkout,
            env=environment,
            check=True,
            stdout=subprocess.DEVNULL,
        )
        (out / 'done').touch()
    return child


def digest(path: Path) -> str:
    """A digest of a child's choices, costs, metrics and weights."""
    checkpoint = torch.load(path, weights_only=True)
    meta = checkpoint['meta']
    told = [meta['subnet'], meta['mflops'], meta['mparams'], meta['metrics']]
    content = hashlib.sha256(repr(told).encode())
    for name, value in checkpoint['state_dict'].items():
        content.update(name.encode() + value.numpy().tobytes())
    return content.hexdigest()[:16]


def main() -> None:
    """Runs what is missing, and prints a line for each pair."""
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('other', type=Path, help='the other checkout')
    parser.add_argument('--out', type=Path, default=Path('work_dirs/same_children'))
    parser.add_argument('--seeds', type=int, nargs='+', default=[0, 1])
    args = parser.parse_args()
    checkouts = dict(own=OWN, other=args.other.resolve())
    all_equal = True
    for name in CONFIGS:
        for seed in args.seeds:
            found = {
                which: digest(
                    run(path, name, seed, args.out.resolve() / which / f'{name}-{seed}')
                )
                for which, path in checkouts.items()
            }
            equal = found['own'] == found['other']
            all_equal &= equal
            words = 'equal' if equal else f'differs from {found["other"]}'
            print(f'{name}, seed {seed}: {found["own"]} {words}', flush=True)
    sys.exit(not all_equal)


if __name__ == '__main__':
    main()
