import cv2
import numpy as np
import pytest
import torch
from mmcls.structures import ClsDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope

from mmdsnas.datasets.packed_images import Packer
from mmdsnas.deployment import Images, find_images
from mmdsnas.errors import ConfigError, DataError
from mmdsnas.registry import DATASETS

PACK = dict(type='mmcls.PackClsInputs')
FILES = (
    dict(type='LoadImageFromFile'),
    dict(type='mmcls.ResizeEdge', scale=8, edge='short'),
    dict(type='mmcls.CenterCrop', crop_size=8),
    PACK,
)
DIGITS = (dict(type='Resize', scale=(8, 8)), PACK)


def loaders(pipeline, dataset='Digits'):
    """Config of test and training data, whose own pipelines differ."""

    def loader(split, steps):
        return dict(dataset=dict(type=dataset, split=split, pipeline=steps))

    return Config(
        dict(
            test_dataloader=loader('test', list(pipeline)),
            train_dataloader=loader('train', [dict(type='Resize', scale=(5, 5)), PACK]),
        )
    )


@pytest.fixture(autouse=True)
def scope():
    init_default_scope('mmdsnas')


@pytest.mark.slow
def test_a_number_takes_images_from_the_whole_data_set():
    for split, size in (('test', 359), ('train', 1438)):
        found = find_images(loaders(DIGITS), 5, split)
        whole = DATASETS.build(dict(type='Digits', split=split, pipeline=DIGITS))
        assert len(whole) == size and found.classes == tuple('0123456789')
        pixels, labels = zip(*found)
        # The first image alone, the rest in batches of up to 32.
        assert [len(part) for part in pixels] == [1, 4]
        indices = [0, round((size - 1) / 4), round((size - 1) / 2)]
        for image, index in zip(torch.cat(pixels), indices):
            assert torch.equal(image, whole[index]['inputs'])
        assert sum(labels, [])[-1] == int(whole[-1]['data_samples'].gt_label.label)
    assert len(find_images(loaders(DIGITS), 10**6)) == 359


def test_batches_hold_every_image_once():
    for number in (1, 2, 33, 34, 70):
        samples = [dict(inputs=torch.tensor([n])) for n in range(number)]
        batches = list(Images(samples))
        assert torch.cat([b for b, _ in batches]).flatten().tolist() == [*range(number)]
        assert max(len(batch) for batch, _ in batches) <= 32
        assert batches[0][1] == [None]


@pytest.mark.parametrize('pipeline', [FILES, DIGITS])
def test_a_folder_goes_through_the_test_pipeline(pipeline, tmp_path):
    """Loaded by it, or before it where the data set has the images in memory."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[..., 0] = 200  # blue: OpenCV's order
    (tmp_path / 'b').mkdir()
    for name in ('b/1.png', 'a.PNG'):
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / 'notes.txt').write_text('no image')
    found = find_images(loaders(pipeline), str(tmp_path))
    assert found.samples == [str(tmp_path / n) for n in ('a.PNG', 'b/1.png')]
    assert len(found) == 2 and not found.classes
    for pixels, labels in found:
        assert pixels.shape == (1, 3, 8, 8) and labels == [None]
        assert pixels[0, :, 0, 0].tolist() == [200, 0, 0]


def test_what_is_missing_is_named(tmp_path):
    for folder, reason in ((tmp_path / 'no', 'is not a folder'), (tmp_path, 'has no')):
        with pytest.raises(DataError, match=f'"{folder}" {reason}.*: --check must be'):
            find_images(loaders(FILES), folder)
    (tmp_path / 'broken.jpg').write_bytes(b'\xff\xd8 no image')
    with pytest.raises(DataError, match='None of the 1 images can be decoded'):
        list(find_images(loaders(FILES), tmp_path))
    with pytest.raises(ConfigError, match='--check must .* at least 1, but is 0'):
        find_images(loaders(DIGITS), 0)
    with pytest.raises(ConfigError, match='--int8 must .* at least 1, but is -5'):
        find_images(loaders(DIGITS), -5, 'train', '--int8')


def test_broken_images_of_a_folder_are_left_out(tmp_path):
    """Whether they come first or later, and are told."""
    image = np.zeros((8, 8, 3), np.uint8)
    for name in ('b.png', 'd.png'):
        cv2.imwrite(str(tmp_path / name), image)
    (tmp_path / 'a.png').write_bytes(b'x')
    (tmp_path / 'c.png').symlink_to(tmp_path / 'nowhere.png')
    found = find_images(loaders(FILES), tmp_path)
    for _ in range(2):
        assert [len(batch) for batch, _ in found] == [1, 1]
    first, second = found.left_out.values()
    assert 'a.png' in first and 'c.png' in second


@pytest.mark.parametrize('split', ['test', 'train'])
def test_a_data_set_inside_others(split):
    """Three times the digits, with the pipeline of the test in any case."""
    config = loaders(DIGITS)
    alone = find_images(config, 10**9, split)
    loader = config[f'{split}_dataloader']
    inside = dict(type='ConcatDataset', datasets=[loader.dataset])
    loader.dataset = dict(type='RepeatDataset', times=3, dataset=inside)
    found = find_images(config, 10**9, split)
    assert len(found) == 3 * len(alone)
    assert found.samples[0]['inputs'].shape == (3, 8, 8)
    assert found.classes == alone.classes


def test_labels():
    """There is none where there are several, or none, or scores."""
    samples = [
        *(ClsDataSample().set_gt_label(label) for label in (3, [3], [0, 2], [])),
        ClsDataSample().set_gt_score(torch.tensor([0.5, 0.5])),
        *(ClsDataSample(), None),
    ]
    inputs = torch.zeros(3, 2, 2)
    batches = Images([dict(inputs=inputs, data_samples=s) for s in samples])
    assert sum([labels for _, labels in batches], []) == [3, 3] + [None] * 5


def test_a_file_that_is_written_anew_is_loaded_anew(tmp_path):
    """A program that predicts may well write its images to one path."""
    pack = Packer([dict(type='mmdsnas.LoadKeptImage', short_edge=8), *FILES[1:]])
    for value in (10, 200):
        cv2.imwrite(str(tmp_path / 'a.png'), np.full((9, 9, 3), value, np.uint8))
        assert (pack(tmp_path / 'a.png')['inputs'] == value).all()
    assert pack.load.short_edge == 8
