"""Images that are decoded once: the same pixels, from whichever process."""

import copy
import gc
import logging
import multiprocessing
import os
import pickle
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from pathlib import Path

import cv2
import numpy as np
import pytest
from mmcls.datasets import transforms as mmcls
from mmcv.transforms import LoadImageFromFile
from mmengine.dataset import pseudo_collate
from PIL import Image
from torch.utils.data import DataLoader

from mmdsnas.datasets import ImageFolder, LoadKeptImage, kept_images, shared_images
from mmdsnas.datasets.shared_images import KeptImage, SharedImages
from mmdsnas.errors import ConfigError, CorruptImageError, DataError
from tests.jpegs import damage, jpeg
from tests.test_datasets.test_load_resized import turned, waves

DECODING = 'mmdsnas.datasets.decoding.cv2.imdecode'


@pytest.fixture(autouse=True)
def place(tmp_path_factory, monkeypatch):
    """A temporary folder of the test's own, which must be empty in the end."""
    folder = tmp_path_factory.mktemp('place')
    monkeypatch.setenv('TMPDIR', str(folder))
    monkeypatch.setattr(tempfile, 'tempdir', None)
    monkeypatch.setattr(kept_images, '_WARNED', set())
    shared_images._remove_leftovers.cache_clear()
    yield folder
    gc.collect()
    assert list(folder.iterdir()) == []


@pytest.fixture
def decoded(monkeypatch):
    """Notes the sizes of the images that OpenCV decodes in this process."""
    seen, decode = [], cv2.imdecode

    def note(*args):
        image = decode(*args)
        seen.append(None if image is None else image.shape[:2])
        return image

    monkeypatch.setattr(cv2, 'imdecode', note)
    return seen


def save(path, height, width, mode='RGB'):
    Image.fromarray(waves(height, width)).convert(mode).save(path, quality=95)
    return str(path)


def load(transform, path):
    return transform(dict(img_path=str(path), gt_label=1))


def assert_same(ours, theirs):
    assert set(ours) == set(theirs)
    assert ours['img'].dtype == theirs['img'].dtype == np.uint8
    assert np.array_equal(ours['img'], theirs['img'])
    for name in set(ours) - {'img'}:
        assert ours[name] == theirs[name], name


@pytest.mark.parametrize('color_type', ['color', 'grayscale'])
@pytest.mark.parametrize('mode', ['RGB', 'L', 'CMYK'])
@pytest.mark.parametrize('memory', [0, 1])
@pytest.mark.parametrize('short_edge', [30, None])
def test_pixels_are_those_of_mmcv(
    tmp_path, decoded, color_type, mode, memory, short_edge
):
    """Where nothing is left out, and of each load: the first one and later ones."""
    path = save(tmp_path / 'a.jpg', 59, 70, mode)
    theirs = load(LoadImageFromFile(color_type=color_type), path)
    ours = LoadKeptImage(short_edge, memory, color_type)
    decoded.clear()
    for _ in range(3):
        assert_same(load(ours, path), theirs)
    assert decoded == [(59, 70)] * (1 if memory else 3)


def test_other_formats(tmp_path):
    path = save(tmp_path / 'a.png', 90, 100)
    ours, theirs = LoadKeptImage(20), LoadImageFromFile()
    for _ in range(2):
        assert_same(load(ours, path), load(theirs, path))


@pytest.mark.parametrize(
    'edge, factor', [(63, 1), (64, 2), (127, 2), (128, 4), (255, 4), (256, 8), (900, 8)]
)
@pytest.mark.parametrize('color_type', ['color', 'grayscale'])
def test_the_largest_number_that_leaves_the_short_edge(
    tmp_path, decoded, edge, factor, color_type
):
    path = save(tmp_path / 'a.jpg', edge + 9, edge)
    whole = load(LoadImageFromFile(color_type=color_type), path)['img']
    ours = LoadKeptImage(32, color_type=color_type)
    size = -(-(edge + 9) // factor), -(-edge // factor)
    decoded.clear()
    for _ in range(2):
        found = load(ours, path)
        assert found['img'].shape == (*size, *whole.shape[2:])
        assert found['img_shape'] == size and found['ori_shape'] == (edge + 9, edge)
        small = cv2.resize(whole, size[::-1], interpolation=cv2.INTER_AREA)
        # What JPEG changes, and waves that rise by 11 * 55 over the long edge, by the
        # half pixel that rounding the size up shifts the far edge by.
        assert np.abs(found['img'].astype(int) - small).mean() < 6
    assert decoded == [size]
    assert load(LoadKeptImage(None), path)['img'].shape[:2] == (edge + 9, edge)


@pytest.mark.parametrize('orientation', range(1, 9))
@pytest.mark.parametrize('color_type', ['color', 'color_ignore_orientation'])
def test_orientation(tmp_path, orientation, color_type):
    path = turned(tmp_path / 'a.jpg', orientation)
    theirs = load(LoadImageFromFile(color_type=color_type), path)
    whole, half = (LoadKeptImage(e, color_type=color_type) for e in (76, 75))
    for _ in range(2):
        assert_same(load(whole, path), theirs)
        found = load(half, path)
        height, width = theirs['img'].shape[:2]
        assert found['img_shape'] == (height // 2, width // 2)
        assert found['ori_shape'] == (height, width)
        small = cv2.resize(theirs['img'], (width // 2, height // 2))
        assert np.abs(found['img'].astype(int) - small).mean() < 2


def test_what_is_kept_does_not_change(tmp_path):
    path = save(tmp_path / 'a.jpg', 50, 60)
    ours, theirs = LoadKeptImage(), load(LoadImageFromFile(), path)
    for _ in range(3):
        found = load(ours, path)
        assert_same(found, theirs)
        found['img'][:] = 0


def test_the_rest_of_a_pipeline_draws_the_same(tmp_path):
    path, images = save(tmp_path / 'a.jpg', 50, 60), []
    for first in (LoadImageFromFile(), LoadKeptImage(), LoadKeptImage(memory=0)):
        np.random.seed(0)
        steps = (first, mmcls.RandomResizedCrop(16), first, mmcls.RandomResizedCrop(16))
        results = dict(img_path=path)
        for step in steps:
            results = step(results)
        images.append((results['img'].tolist(), np.random.rand()))
    assert images[0] == images[1] == images[2]


def test_a_changed_file_is_not_noticed(tmp_path):
    """As its description says."""
    path = save(tmp_path / 'a.jpg', 50, 60)
    ours = LoadKeptImage()
    first = load(ours, path)
    save(path, 40, 30)
    assert_same(load(ours, path), first)
    assert load(LoadKeptImage(), path)['img_shape'] == (40, 30)


class Folder(ImageFolder):
    """Tells how many images the process decodes, beside each."""

    def prepare_data(self, idx):
        seen, decode = [], cv2.imdecode
        cv2.imdecode = lambda *args: seen.append(1) or decode(*args)
        try:
            found = super().prepare_data(idx)
        finally:
            cv2.imdecode = decode
        return idx, len(seen), found['img'], os.getpid()


def folder(root, number=6):
    for split in ('train', 'val'):
        for label in 'ab':
            for i in range(number // 2):
                # Too few bytes for a page each, and too many for a pipe at once.
                size = (100 + 7 * i, 150)
                jpeg(root / split / label / f'{i}.jpg', 10 * i + ord(label), size)
    return str(root)


@pytest.mark.parametrize('start, workers', [('fork', 2), ('spawn', 1)])
def test_workers_of_all_epochs_share_the_images(tmp_path, start, workers, place):
    root = folder(tmp_path)
    dataset = Folder(root, pipeline=[LoadKeptImage()])
    plain = Folder(root, pipeline=[LoadImageFromFile()])
    loader = DataLoader(
        dataset,
        1,
        num_workers=workers,
        collate_fn=pseudo_collate,
        multiprocessing_context=start,
    )
    pids = set()
    for epoch in range(2):
        for (index,), (decoded,), (img,), (pid,) in loader:
            assert decoded == (epoch == 0)
            assert np.array_equal(img, plain[index][2])
            pids.add(pid)
        # No worker took the file with it.
        assert len(list(place.iterdir())) == 1
    assert len(pids) == 2 * workers and os.getpid() not in pids
    # What the workers decoded is there for this process.
    assert [dataset[i][1] for i in range(6)] == [0] * 6


def test_copies_share_the_images(tmp_path, decoded):
    path = save(tmp_path / 'a.jpg', 50, 60)
    ours = LoadKeptImage()
    copies = [copy.deepcopy(ours), copy.copy(ours), pickle.loads(pickle.dumps(ours))]
    wanted = load(ours, path)
    for each in copies:
        assert_same(load(each, path), wanted)
    assert len(decoded) == 1
    # The file is there as long as the object that made it is, in whichever copy.
    kept = copies[0].kept.path
    del ours, copies[1:]
    assert os.path.exists(kept)


def test_no_room_is_left(tmp_path, decoded):
    """An image of 0.75 MiB and one of 0.26: the first one is kept, and a third one."""
    paths = [
        save(tmp_path / f'{k}.png', *size)
        for k, size in enumerate([(512, 512), (300, 300), (200, 300)])
    ]
    ours, theirs = LoadKeptImage(memory=1), LoadImageFromFile()
    wanted = [load(theirs, path) for path in paths]
    for epoch in range(2):
        decoded.clear()
        for path, each in zip(paths, wanted):
            assert_same(load(ours, path), each)
        assert len(decoded) == (1 if epoch else 3)
    assert os.path.getsize(ours.kept.path) < 2**20 + ours.kept._begin


def test_more_images_than_entries(monkeypatch):
    monkeypatch.setattr(shared_images, '_MOST_STEPS', 3)
    images = SharedImages(16 * shared_images._BYTES_PER_ENTRY)
    pixel = [np.full((1, 1), k, np.uint8) for k in range(40)]
    for k, each in enumerate(pixel):
        images.put(str(k), KeptImage(each, (k, k)))
    found = {k: images.get(str(k)) for k in range(40)}
    kept = {k: each for k, each in found.items() if each}
    assert 8 <= len(kept) <= 16
    for k, each in kept.items():
        assert each.img.shape == (1, 1) and each.img[0, 0] == k
        assert each.ori_shape == (k, k)


def test_names_that_are_no_text(tmp_path, decoded):
    path = save(tmp_path / os.fsdecode(b'\xff.jpg'), 50, 60)
    ours, theirs = LoadKeptImage(), load(LoadImageFromFile(), path)
    decoded.clear()
    for _ in range(2):
        assert_same(load(ours, path), theirs)
    assert len(decoded) == 1


@pytest.mark.parametrize('what', ['removed', 'cut', 'empty', 'a folder'])
def test_a_damaged_file_means_decode_again(tmp_path, decoded, what):
    path = save(tmp_path / 'a.jpg', 50, 60)
    ours, theirs = LoadKeptImage(), load(LoadImageFromFile(), path)
    assert_same(load(ours, path), theirs)
    file = Path(ours.kept.path)
    if what in ('removed', 'a folder'):
        file.unlink()
    if what == 'a folder':
        file.mkdir()
    if what in ('cut', 'empty'):
        os.truncate(file, file.stat().st_size - 1 if what == 'cut' else 0)
    decoded.clear()
    for _ in range(2):
        assert_same(load(ours, path), theirs)
    # What was emptied can be used again.
    assert len(decoded) == (1 if what == 'empty' else 2)


def test_a_full_disk_means_decode_each_time(tmp_path, decoded):
    paths = [save(tmp_path / f'{k}.png', 100, 100) for k in range(4)]
    ours, theirs = LoadKeptImage(memory=1), LoadImageFromFile()
    wanted = [load(theirs, path) for path in paths]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    # The second image does not fit into the file, as with a full disk.
    resource.setrlimit(resource.RLIMIT_FSIZE, (ours.kept._begin + 40_000, hard))
    try:
        for path, each in zip(paths[:3], wanted):
            assert_same(load(ours, path), each)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    decoded.clear()
    for _ in range(2):
        for path, each in zip(paths, wanted):
            assert_same(load(ours, path), each)
    # Nobody tries again, even if there is room then.
    assert len(decoded) == 6


Usage = namedtuple('Usage', 'total used free')


def test_half_of_the_free_space(monkeypatch, place):
    usage = Usage(2**40, 0, 100 * 2**20)
    monkeypatch.setattr(kept_images.shutil, 'disk_usage', lambda folder: usage)
    said = []
    monkeypatch.setattr(kept_images, 'print_log', lambda *args: said.append(args))
    assert LoadKeptImage(memory=50).kept.size == 50 * 2**20
    assert said == []
    for _ in range(2):
        assert LoadKeptImage(memory=51).kept.size == 50 * 2**20
    assert said == [
        (
            f'memory of LoadKeptImage is 51 MiB, but "{place}" has 100 MiB free: 50 '
            'MiB of images are kept, others are decoded each time.',
            'current',
            logging.WARNING,
        )
    ]
    usage = usage._replace(free=2**20)
    assert LoadKeptImage().kept is None


def test_no_place_for_the_file(tmp_path, monkeypatch, decoded):
    said = []
    monkeypatch.setattr(kept_images, 'print_log', lambda *args: said.append(args[0]))
    monkeypatch.setattr(tempfile, 'tempdir', str(tmp_path / 'nowhere'))
    path = save(tmp_path / 'a.jpg', 50, 60)
    LoadKeptImage(memory=0)
    assert said == []
    ours = [LoadKeptImage(), LoadKeptImage()]
    for _ in range(2):
        assert_same(load(ours[0], path), load(LoadImageFromFile(), path))
    assert said == [
        'LoadKeptImage keeps no images, each is decoded in every epoch: No such file '
        'or directory.'
    ]


@pytest.mark.parametrize('kind', ['truncated', 'text', 'empty'])
@pytest.mark.parametrize('size', [(40, 50), (80, 100)])
def test_corrupt_images(tmp_path, kind, size):
    """Are never kept; as with mmcv's transform the next one comes."""
    for i in range(3):
        jpeg(tmp_path / 'train' / 'a' / f'{i}.jpg', i, size)
    for name in ('train/b', 'val/a', 'val/b'):
        jpeg(tmp_path / name / '0.jpg')
    ours, theirs = (
        ImageFolder(str(tmp_path), pipeline=[first], max_corrupt=1)
        for first in (LoadKeptImage(30), LoadKeptImage(30, memory=0))
    )
    path = damage(tmp_path / 'train' / 'a' / '1.jpg', kind)
    for _ in range(2):
        assert np.array_equal(ours[1]['img'], theirs[1]['img'])
        assert ours[1]['img_path'].endswith('2.jpg') and ours.num_corrupt == 1
    ours.test_mode = True
    with pytest.raises(DataError, match='cannot be decoded with cv2: no image'):
        ours[1]
    if kind != 'empty':
        with pytest.raises(CorruptImageError, match=f'"{path}" cannot be decoded'):
            load(LoadKeptImage(30), path)


def test_no_such_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        load(LoadKeptImage(), tmp_path / 'none.jpg')


def filled(number, seed):
    random = np.random.default_rng(seed)
    return KeptImage(
        random.integers(256, size=(9 + number, 31, 3), dtype=np.uint8), (number, 1)
    )


def write(images, order, begin):
    begin.wait()
    for number in order:
        images.put(f'image {number}', filled(number, number))
        for other in range(0, 60, 7):
            found = images.get(f'image {other}')
            assert found is None or np.array_equal(found.img, filled(other, other).img)


def test_many_writers():
    """Of the same images, in orders of their own, at the same time."""
    images, context = SharedImages(2**20), multiprocessing.get_context('fork')
    begin = context.Barrier(4)
    writers = [
        context.Process(
            target=write,
            args=(images, np.random.default_rng(k).permutation(60).tolist(), begin),
        )
        for k in range(4)
    ]
    for each in writers:
        each.start()
    for each in writers:
        each.join()
    assert [each.exitcode for each in writers] == [0] * 4
    size = 0
    for number in range(60):
        found, wanted = images.get(f'image {number}'), filled(number, number)
        assert np.array_equal(found.img, wanted.img)
        assert found.ori_shape == (number, 1)
        size += wanted.img.nbytes
    # None is there twice.
    with open(images.path, 'rb') as file:
        assert shared_images._used(file) == size


def test_an_image_is_not_seen_before_it_is_whole(monkeypatch):
    images = SharedImages(2**20)
    # What is not written yet can be read, as where others have written behind it.
    os.truncate(images.path, images._begin + images.size)
    write, during = SharedImages._write, []

    def watched(self, place, content):
        during.append(images.get('a'))
        # Another process that has the same image leaves it alone.
        images.put('a', filled(1, 7))
        return write(self, place, content)

    with monkeypatch.context() as patched:
        patched.setattr(SharedImages, '_write', watched)
        images.put('a', filled(3, 3))
    assert during == [None]
    assert np.array_equal(images.get('a').img, filled(3, 3).img)


def make(begin):
    """Builds a transform, says so, and waits."""
    ours = LoadKeptImage()
    if os.fork() == 0:
        # A worker that lets go of it, and ends as programs do.
        del ours
        gc.collect()
        os._exit(0)
    os.wait()
    print(os.path.exists(ours.kept.path), flush=True)
    if begin == 'wait':
        time.sleep(60)


CODE = f'from {__name__} import make; make'
ENV = {**os.environ, 'PYTHONPATH': os.pathsep.join(sys.path)}


def test_the_file_is_removed_at_the_end(place):
    env = {**ENV, 'TMPDIR': str(place)}
    done = subprocess.run(
        [sys.executable, '-c', f'{CODE}("end")'],
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.stdout.splitlines()[-1] == 'True', done.stderr
    assert list(place.iterdir()) == []


def test_what_a_killed_process_leaves_is_removed_by_the_next_one(place):
    env = {**ENV, 'TMPDIR': str(place)}
    own = LoadKeptImage()
    process = subprocess.Popen(
        [sys.executable, '-c', f'{CODE}("wait")'],
        env=env,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert 'True' in process.stdout.readline()
    shared_images._remove_leftovers.cache_clear()
    others = LoadKeptImage()
    # Nobody's file is taken that is in use.
    assert len(list(place.iterdir())) == 3
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert len(list(place.iterdir())) == 3
    shared_images._remove_leftovers.cache_clear()
    third = LoadKeptImage()
    wanted = {Path(each.kept.path).parent for each in (own, others, third)}
    assert set(place.iterdir()) == wanted


def test_options_are_checked():
    with pytest.raises(ConfigError, match='short_edge of LoadKeptImage must be at'):
        LoadKeptImage(short_edge=0)
    with pytest.raises(ConfigError, match='memory of LoadKeptImage must be at least 0'):
        LoadKeptImage(memory=-1)
