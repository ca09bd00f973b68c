"""What blocks need that no block before them makes: data, runs, checkpoints."""

import json
import shutil
from pathlib import Path
from typing import Callable

import cv2
import numpy as np
import torch

from tests.jpegs import annotated, plain_folders
from tests.test_reference.filling import CASES, official_weights
from .scratch import run_shell

# Makes files in the folder of a document.
Fixture = Callable[[Path], None]


def shell(text: str) -> Fixture:
    """What these commands make."""

    def fixture(folder: Path) -> None:
        wrong = run_shell(text, folder)
        if wrong:
            raise RuntimeError(wrong)

    return fixture


def imagenet(folder: Path) -> None:
    """In OpenMMLab's layout, 24 images for each split."""
    annotated(folder / 'data' / 'imagenet', train=8, val=8)


def splits(where: str) -> Fixture:
    """The folders train and val, with folders of JPEGs in each."""
    return lambda folder: plain_folders(folder / where, train=8, val=4) and None


def images_by_class(folder: Path) -> None:
    """PNGs of five classes, one broken; a file that is no image, and a new PNG."""
    random = np.random.default_rng(0)
    root = folder / 'path' / 'to' / 'images'
    for label, name in enumerate(('bag', 'boot', 'sneaker', 'trouser', 'tshirt')):
        (root / name).mkdir(parents=True)
        for i in range(8):
            pixels = random.integers(40 * label, 40 * label + 40, (28, 28), np.uint8)
            cv2.imwrite(str(root / name / f'{i:05}.png'), pixels)
    (root / 'bag' / '00005.png').write_bytes(b'broken')
    cv2.imwrite(str(root.with_name('new.png')), pixels)
    (root / 'boot' / 'notes.txt').write_text('no image')


def digit_images(folder: Path) -> None:
    """Two images of the size that the networks for digits take."""
    (folder / 'path' / 'to').mkdir(parents=True, exist_ok=True)
    for name, value in (('five', 50), ('six', 60)):
        pixels = np.full((64, 64, 3), value, np.uint8)
        cv2.imwrite(str(folder / 'path' / 'to' / f'{name}.png'), pixels)


def replaced(file: str, text: str, instead: str) -> Fixture:
    """A file of the checkout with smaller numbers."""

    def fixture(folder: Path) -> None:
        content = (folder / file).read_text()
        if text not in content:
            raise RuntimeError(f'{file} does not have {text!r}')
        (folder / file).write_text(content.replace(text, instead))

    return fixture


def interrupted_search(folder: Path) -> None:
    """Searches whose last epoch is missing, for ``--resume``."""
    shell('python tools/train.py dsnas_supernet_1xb64_digits')(folder)
    default = folder / 'work_dirs' / 'dsnas_supernet_1xb64_digits'
    (default / 'epoch_3.pth').unlink()
    (default / 'last_checkpoint').write_text(str(default / 'epoch_2.pth'))
    shutil.copytree(default, folder / 'work_dirs' / 'mine')


def official_files(folder: Path) -> None:
    """A supernet and a child with the authors' names, and weights of a rule."""
    weights = official_weights(CASES[0]['salt'])
    path = CASES[0]['path']
    kept = tuple(f'features.{i}.{k}.' for i, k in enumerate(path))
    child = {
        name: value
        for name, value in weights.items()
        if name.startswith(kept) or not name.startswith('features.')
    }
    torch.save(child, folder / 'official.pth')
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(2))], lr=0.25)
    whole = dict(epoch=80, state_dict=weights, optimizer=optimizer.state_dict())
    torch.save(whole, folder / 'model.pth-80')


def benchmark_of_few_images(folder: Path) -> None:
    """The results of the benchmark but one training and one search of each method."""
    configs = folder / 'benchmarks' / 'quality' / 'configs'
    for config in configs.rglob('*.py'):
        text = config.read_text()
        for number in ('6000', '10000'):
            text = text.replace(f'num_samples={number}', 'num_samples=200')
        config.write_text(text)
    results = folder / 'benchmarks' / 'results'
    truth = json.loads((results / 'truth.json').read_text())['children']
    for row in truth[1:]:
        for seed in (0, 1):
            keys = ('accuracy', 'cpu_seconds')
            result = {key: row[key][seed] for key in keys}
            _write(folder / 'work_dirs/truth', [*row['child'], seed], result)
    quality = json.loads((results / 'quality.json').read_text())
    done = set()
    for row in quality['searches']:
        key = [row.pop(name) for name in ('method', 'limit', 'variant', 'seed')]
        if key[0] in ('dsnas', 'spos') and key[0] not in done:
            done.add(key[0])
            continue
        key[1] = 'none' if key[1] is None else key[1]
        _write(folder / 'work_dirs/quality', key, row)


def _write(folder: Path, name: list, result: dict) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f'{"-".join(map(str, name))}.json').write_text(json.dumps(result))
