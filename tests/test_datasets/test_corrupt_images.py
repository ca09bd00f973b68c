import copy
import logging
import pickle
import re

import numpy as np
import pytest
from mmcls.registry import TRANSFORMS
from mmcv.transforms import BaseTransform, LoadImageFromFile
from mmengine.dataset import BaseDataset, pseudo_collate
from mmengine.logging import MMLogger
from PIL import Image
from torch.utils.data import DataLoader

from mmdsnas.datasets import ImageFolder, corrupt_images
from mmdsnas.datasets.corrupt_images import SkipCorruptImagesMixin
from mmdsnas.errors import ConfigError, DataError
from tests.jpegs import damage, jpeg

DECODERS = ('cv2', 'pillow')
KINDS = ('truncated', 'text', 'empty')


class Images(SkipCorruptImagesMixin, BaseDataset):
    """The JPEGs of a folder; the label is the number in the name."""

    def load_data_list(self):
        return [
            dict(img_path=str(path), gt_label=int(path.stem))
            for path in sorted(self.root.glob('*.JPEG'))
        ]

    def __init__(self, root, *transforms, decoder='cv2', **kwargs):
        self.root = root
        super().__init__(
            pipeline=[LoadImageFromFile(imdecode_backend=decoder), *transforms],
            **kwargs,
        )


def images(root, count, corrupt=(), kind='truncated'):
    for i in range(count):
        jpeg(root / f'{i:03d}.JPEG', i)
    for i in corrupt:
        damage(root / f'{i:03d}.JPEG', kind)
    return root


@pytest.fixture
def said(monkeypatch):
    """Messages and their levels."""
    messages = []
    note = lambda message, logger, level: messages.append((message, level))  # noqa: E731
    monkeypatch.setattr(corrupt_images, 'print_log', note)
    return messages


def labels(dataset):
    return [dataset[i]['gt_label'] for i in range(len(dataset))]


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize('decoder', DECODERS)
def test_the_next_image_takes_the_place(tmp_path, said, decoder, kind):
    """Also of the last one; each is named once, but in test mode it is an error."""
    images(tmp_path, 8, (1, 2, 3, 4, 7), kind)
    dataset = Images(tmp_path, decoder=decoder)
    state = np.random.get_state()[1].copy()
    assert labels(dataset) == labels(dataset) == [0, 5, 5, 5, 5, 5, 6, 0]
    assert (np.random.get_state()[1] == state).all()
    assert dataset[-1]['gt_label'] == 0
    assert dataset[2]['sample_idx'] == 5
    assert dataset[2]['img'].shape == (40, 50, 3)
    assert dataset.num_corrupt == 5
    assert len(said) == 5
    for i, (message, _) in zip((1, 2, 3, 4, 7), said):
        assert f'{tmp_path}/00{i}.JPEG" cannot be decoded with {decoder}' in message
    dataset = Images(tmp_path, decoder=decoder, test_mode=True)
    assert dataset[0]['gt_label'] == 0
    with pytest.raises(DataError, match='001.JPEG.* no image is skipped in test mode'):
        dataset[1]
    assert '(5 corrupt so far, max_corrupt is 100)' in said[-1][0]


@pytest.mark.parametrize('decoder', DECODERS)
def test_whole_images_are_none_of_it(tmp_path, said, decoder):
    """Neither JPEGs with bytes after their end nor other formats."""
    images(tmp_path, 2)
    first = tmp_path / '000.JPEG'
    first.write_bytes(first.read_bytes() + b'\xff\xda trailing')
    Image.new('RGB', (5, 4)).save(tmp_path / '001.JPEG', 'PNG')
    Image.new('CMYK', (5, 4)).save(tmp_path / '002.JPEG', 'JPEG')
    dataset = Images(tmp_path, decoder=decoder, max_corrupt=0)
    assert labels(dataset) == [0, 1, 2]
    assert not said and dataset.num_corrupt == 0


def test_all_are_corrupt(tmp_path, said):
    dataset = Images(images(tmp_path, 3, (0, 1, 2)))
    for _ in range(2):
        with pytest.raises(DataError, match='^None of the 3 images .*001.JPEG'):
            dataset[1]


@pytest.mark.parametrize('corrupt, max_corrupt', [((1,), 0), ((1, 3, 5), 2)])
def test_one_more_than_max_corrupt_is_an_error(tmp_path, said, corrupt, max_corrupt):
    images(tmp_path, 7, corrupt)
    dataset = Images(tmp_path, max_corrupt=max_corrupt, lazy_init=True)
    for _ in range(2):
        for i in corrupt[:-1]:
            assert dataset[i]['gt_label'] == i + 1
        dataset.full_init()
    message = f'00{corrupt[-1]}.JPEG.* {len(corrupt)} .* max_corrupt is {max_corrupt}'
    with pytest.raises(DataError, match=message):
        dataset[corrupt[-1]]
    assert len(said) == max_corrupt


@pytest.mark.parametrize('test_mode', [False, True])
def test_a_missing_image_is_not_skipped(tmp_path, said, test_mode):
    """Many would be missing, all of one cause, which is to be mended."""
    dataset = Images(images(tmp_path, 3), test_mode=test_mode)
    (tmp_path / '001.JPEG').unlink()
    with pytest.raises(DataError, match='001.JPEG" is in the list .* does not exist'):
        dataset[1]
    assert not said and dataset.num_corrupt == 0


class Raises(BaseTransform):
    def __init__(self, error):
        self.error = error

    def transform(self, results):
        raise self.error


def test_a_loader_that_keeps_the_error_to_itself(tmp_path, said):
    dataset = Images(images(tmp_path, 3, (1,)))
    dataset.pipeline.transforms[0] = TRANSFORMS.build(
        dict(type='LoadImageFromFile', ignore_empty=True, imdecode_backend='pillow')
    )
    assert labels(dataset) == [0, 2, 2]
    assert dataset.num_corrupt == 1


def test_other_errors_are_none_of_it(tmp_path, said):
    """Of another transform, of a wrong option, or of a folder."""
    images(tmp_path, 3)
    for error in (OSError('is truncated'), AssertionError('is None')):
        with pytest.raises(type(error)) as raised:
            Images(tmp_path, Raises(error))[1]
        assert raised.value is error
    with pytest.raises(ValueError, match='magick is not supported'):
        Images(tmp_path, decoder='magick')[1]
    (tmp_path / '001.JPEG').unlink()
    (tmp_path / '001.JPEG').mkdir()
    with pytest.raises(IsADirectoryError):
        Images(tmp_path, decoder='pillow')[1]
    assert not said


def test_a_transform_that_returns_none_means_a_random_image(tmp_path, said):
    """As in mmengine: it is not a corrupt image."""
    dataset = Images(
        images(tmp_path, 4), lambda r: r if r['gt_label'] in (0, 3) else None
    )
    assert {dataset[1]['gt_label'] for _ in range(50)} == {0, 3}
    assert not said and dataset.num_corrupt == 0


def load(dataset, key, context):
    options = dict(multiprocessing_context=context, collate_fn=pseudo_collate)
    loader = DataLoader(dataset, batch_size=2, num_workers=2, **options)
    return [value for batch in loader for value in batch[key]]


@pytest.mark.parametrize(
    'context, epochs',
    [('fork', 2), pytest.param('spawn', 1, marks=pytest.mark.slow)],
)
def test_the_count_holds_over_workers(tmp_path, context, epochs, capfd):
    """Worker 0 meets images 0, 1, 4 and 5, worker 1 the others."""
    images(tmp_path / 'train' / 'a', 4, (0, 3))
    images(tmp_path / 'train' / 'b', 4, (0,))
    images(tmp_path / 'val' / 'a', 1)
    # A worker that is spawned must be able to import the class.
    dataset = ImageFolder(str(tmp_path), pipeline=[LoadImageFromFile()], max_corrupt=3)
    log = tmp_path / 'log'
    MMLogger.get_instance(str(tmp_path), log_file=str(log))
    for _ in range(epochs):  # with other workers in each
        met = [f'{path[-10]}{path[-6]}' for path in load(dataset, 'img_path', context)]
        assert met == 'a1 a1 a2 b1 b1 b1 b2 b3'.split()
        assert dataset.num_corrupt == 3
    said = log.read_text() if context == 'fork' else capfd.readouterr().out
    for name in ('a/000', 'a/003', 'b/000'):
        path = tmp_path / 'train' / f'{name}.JPEG'
        assert said.count(f'The image "{path}" cannot be decoded') == 1
    assert max(re.findall(r'(\d) corrupt so far', said)) == '3'

    damage(tmp_path / 'train' / 'b' / '003.JPEG', 'text')
    with pytest.raises(DataError, match=r'b/003.* with it 4 image\(s\) .* is 3.$'):
        load(dataset, 'img_path', context)


@pytest.mark.slow
@pytest.mark.parametrize(
    'copied',
    [
        copy.deepcopy,
        lambda dataset: dataset.get_subset(range(6)),
        lambda dataset: pickle.loads(pickle.dumps(dataset)),
    ],
)
def test_a_copy_counts_for_itself(tmp_path, said, copied):
    """Over its workers; mmengine's Runner copies the data set that it is given."""
    dataset = Images(images(tmp_path, 6, (1, 4)))
    dataset[1]
    other = copied(dataset)
    assert other.num_corrupt == 1
    dataset[4]
    assert (dataset.num_corrupt, other.num_corrupt) == (2, 1)
    if copied is copy.deepcopy:
        load(other, 'gt_label', 'fork')
        assert other.num_corrupt == 2


@pytest.mark.parametrize('rank, level', [(0, 'WARNING'), (3, 'ERROR')])
def test_every_rank_is_heard(tmp_path, said, monkeypatch, rank, level):
    monkeypatch.setattr(corrupt_images, 'get_rank', lambda: rank)
    Images(images(tmp_path, 2, (0,)))[0]
    ((_, said_level),) = said
    assert said_level == getattr(logging, level)


@pytest.mark.parametrize('value', [-1, 1.5, True, None])
def test_wrong_max_corrupt(tmp_path, value):
    with pytest.raises(ConfigError, match=f'^max_corrupt of .*, but is {value!r}.$'):
        Images(tmp_path, max_corrupt=value)
