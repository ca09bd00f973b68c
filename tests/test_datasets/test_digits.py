import pickle
import sys

import numpy as np
import pytest

from mmdsnas.datasets import Digits
from mmdsnas.datasets.utils import held_out
from mmdsnas.errors import ConfigError, DataError


def contents(dataset):
    """The images as hashable keys, with their labels."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(info['img'].tobytes(), info['gt_label']) for info in infos]


def all_digits():
    from sklearn.datasets import load_digits

    return load_digits()


def test_the_splits_are_disjoint_and_complete():
    train, test = contents(Digits(split='train')), contents(Digits(split='test'))
    source = all_digits()
    scaled = np.rint(source.images * 255 / 16).astype(np.uint8)
    whole = [
        (np.stack([image] * 3, -1).tobytes(), label)
        for image, label in zip(scaled, source.target, strict=True)
    ]
    assert len(set(whole)) == 1797  # no duplicates: sets can be compared
    assert not set(train) & set(test)
    assert set(train) | set(test) == set(whole)
    assert len(train) + len(test) == 1797


@pytest.mark.parametrize('val_ratio', [0.2, 0.5])
def test_the_split_is_stratified(val_ratio):
    test = Digits(split='test', val_ratio=val_ratio)
    found = np.bincount(test.get_gt_labels(), minlength=10)
    wanted = np.bincount(all_digits().target) * val_ratio
    assert np.abs(found - wanted).max() <= 0.5


def test_the_split_is_fixed_and_leaves_the_global_generator_alone():
    np.random.seed(1)
    before = pickle.dumps(np.random.get_state())
    first = contents(Digits(split='test'))
    assert pickle.dumps(np.random.get_state()) == before
    np.random.seed(2)
    assert contents(Digits(split='test')) == first


def test_the_draw_of_the_held_out_part():
    # Written down: another draw would mix training images into the test.
    assert np.flatnonzero(held_out(10, 0.3)).tolist() == [2, 4, 8]
    assert held_out(2, 0.01).sum() == 1
    assert held_out(2, 0.99).sum() == 1


def test_images_are_uint8_with_three_equal_channels_over_the_full_range():
    dataset = Digits()
    images = [dataset.get_data_info(i)['img'] for i in range(len(dataset))]
    assert all(image.shape == (8, 8, 3) for image in images)
    assert all(image.dtype == np.uint8 for image in images)
    images = np.stack(images)
    assert (images == images[..., :1]).all()
    # 17 gray values, evenly spread
    assert (
        np.unique(images).tolist()
        == np.rint(np.arange(17) * 255 / 16).astype(int).tolist()
    )


def test_labels_are_ints_and_classes_the_ten_digits():
    dataset = Digits()
    assert type(dataset.get_data_info(0)['gt_label']) is int
    assert dataset.CLASSES == ('0', '1', '2', '3', '4', '5', '6', '7', '8', '9')


def test_a_sample_is_not_changed_by_its_user():
    dataset = Digits(serialize_data=False)
    before = dataset.get_data_info(0)['img'].copy()
    dataset.get_data_info(0)['img'][:] = 7
    assert (dataset.get_data_info(0)['img'] == before).all()


@pytest.mark.parametrize('ratio', [0, 1, -0.1, 1.5, float('nan'), '0.2', None])
def test_wrong_val_ratio(ratio):
    with pytest.raises(
        ConfigError,
        match='^val_ratio of Digits must be (a finite number|above 0|below 1), '
        f'but is {ratio!r}',
    ):
        Digits(val_ratio=ratio, lazy_init=True)


def test_scikit_learn_missing(monkeypatch):
    monkeypatch.setitem(sys.modules, 'sklearn.datasets', None)
    with pytest.raises(
        DataError,
        match=(
            r'needs scikit-learn, which cannot be imported .*: '
            'pip install scikit-learn$'
        ),
    ):
        Digits()
