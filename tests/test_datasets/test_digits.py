import numpy as np
import pytest

from mmdsnas.datasets import Digits
from mmdsnas.datasets.utils import held_out
from mmdsnas.errors import ConfigError


def contents(dataset):
    """The images as hashable keys, with their labels."""
    infos = [dataset.get_data_info(i) for i in range(len(dataset))]
    return [(info['img'].tobytes(), info['gt_label']) for info in infos]


def all_digits():
    from sklearn.datasets import load_digits

    return load_digits()


def test_the_splits_are_disjoint_and_complete():
    """Three equal channels of 17 gray values, evenly spread over the full range."""
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
def test_the_split_is_stratified_and_fixed(val_ratio):
    """Nor does it draw from the global generator."""
    np.random.seed(1)
    before = np.random.get_state()[1].copy()
    test = Digits(split='test', val_ratio=val_ratio)
    assert (np.random.get_state()[1] == before).all()
    found = np.bincount(test.get_gt_labels(), minlength=10)
    wanted = np.bincount(all_digits().target) * val_ratio
    assert np.abs(found - wanted).max() <= 0.5


def test_the_draw_of_the_held_out_part():
    # Written down: another draw would mix training images into the test.
    assert np.flatnonzero(held_out(10, 0.3)).tolist() == [2, 4, 8]
    assert held_out(2, 0.01).sum() == held_out(2, 0.99).sum() == 1


def test_a_sample_is_not_changed_by_its_user():
    dataset = Digits(serialize_data=False)
    before = dataset.get_data_info(0)['img'].copy()
    assert before.shape == (8, 8, 3) and dataset.CLASSES == tuple('0123456789')
    dataset.get_data_info(0)['img'][:] = 7
    assert (dataset.get_data_info(0)['img'] == before).all()


@pytest.mark.parametrize('ratio', [0, 1, float('nan'), '0.2', None])
def test_wrong_val_ratio(ratio):
    with pytest.raises(ConfigError, match=f'^val_ratio of Digits .*is {ratio!r}'):
        Digits(val_ratio=ratio, lazy_init=True)
