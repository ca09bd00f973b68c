"""Small folders of JPEGs in the layouts of ImageNet."""

import cv2
import numpy as np

WNIDS = ('n01440764', 'n01443537', 'n01484850')


def jpeg(path, seed=0, size=(40, 50)):
    """Writes a JPEG of smooth noise; every seed gives another one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.RandomState(seed).randint(0, 256, (4, 5, 3), np.uint8)
    pixels = cv2.resize(noise, size[::-1], interpolation=cv2.INTER_CUBIC)
    # OpenCV knows the ending .JPEG only as .jpeg.
    path.write_bytes(cv2.imencode('.jpg', pixels)[1].tobytes())
    return path


def damage(path, kind):
    """Makes the JPEG a corrupt one: truncated, text or empty."""
    content = path.read_bytes()
    path.write_bytes(
        dict(
            truncated=content[: len(content) * 2 // 3],
            text=b'<html>not found</html>' * 20,
            empty=b'',
        )[kind]
    )
    return path


def plain_folders(root, train=3, val=2, wnids=WNIDS, size=(40, 50)):
    """Writes train/WNID/x.JPEG and val/WNID/x.JPEG, so many of each class."""
    for split, count in (('train', train), ('val', val)):
        for label, wnid in enumerate(wnids):
            for i in range(count):
                name = f'{wnid}_{i}.JPEG'
                jpeg(root / split / wnid / name, 100 * label + i, size)
    return root


def annotated(root, train=3, val=2, wnids=WNIDS, size=(40, 50)):
    """Writes OpenMMLab's layout: a flat folder val, and meta/SPLIT.txt."""
    lines = dict(train=[], val=[])
    for label, wnid in enumerate(wnids):
        for i in range(train):
            name = f'{wnid}/{wnid}_{i}.JPEG'
            jpeg(root / 'train' / name, 100 * label + i, size)
            lines['train'].append(f'{name} {label}')
        for i in range(val):
            name = f'ILSVRC2012_val_{label}{i}.JPEG'
            jpeg(root / 'val' / name, 100 * label + i, size)
            lines['val'].append(f'{name} {label}')
    (root / 'meta').mkdir()
    for split, of_split in lines.items():
        (root / 'meta' / f'{split}.txt').write_text('\n'.join(of_split) + '\n')
    return root
