from pathlib import Path

import cv2
import numpy as np
import pytest
from mmengine.config import Config
from mmengine.registry import DefaultScope

from benchmarks.speed import kept
from benchmarks.speed.data import CONFIGS, Setting, faster, measure
from benchmarks.speed.pictures import picture, write_pictures


def test_pictures_are_as_large_as_photographs(tmp_path):
    """ImageNet's mean is 110 KB at 500 x 375."""
    assert 90_000 < write_pictures(tmp_path, 3, (500, 375)) < 130_000
    files = sorted(Path(tmp_path).rglob('*.JPEG'))
    assert [cv2.imread(str(file)).shape for file in files] == [(375, 500, 3)] * 3
    assert (picture(1, (64, 48)) == picture(1, (64, 48))).all()
    assert (picture(1, (64, 48)) != picture(2, (64, 48))).any()


def test_amplitudes_fall_as_one_over_frequency():
    frequencies = np.arange(4, 64)
    power = 0
    for i in range(8):
        gray = picture(i, (256, 256)).mean(2)
        power = power + np.abs(np.fft.fft2(gray)[0, 4:64]) ** 2
    slope = np.polyfit(np.log(frequencies), np.log(power) / 2, 1)[0]
    assert -1.4 < slope < -0.8


def test_only_the_first_two_transforms_are_others():
    config = Config.fromfile(CONFIGS / 'folder_bs64.py')
    assert faster(config.train_pipeline) == [
        dict(
            type='mmdsnas.LoadRandomResizedCrop', scale=96, crop_ratio_range=(0.4, 1.0)
        ),
        *config.train_pipeline[2:],
    ]
    assert faster(config.test_pipeline) == [
        dict(type='mmdsnas.LoadResizeEdge', scale=110),
        *config.test_pipeline[2:],
    ]


@pytest.mark.slow
@pytest.mark.parametrize('size, equal', [((120, 120), 1), ((480, 480), 0)])
def test_both_pipelines_are_measured_on_the_same_images(size, equal):
    with DefaultScope.overwrite_default_scope('mmdsnas'):
        measured = measure(Setting('folder_bs64', size, 1), 16, 2)
    assert {'read the file', 'decode'} < set(measured['loading'])
    for split in ('train', 'test'):
        of = measured[split]
        assert set(of['per_second']) == set(of['microseconds']) == {'default', 'ours'}
        assert of['ratio']['low'] <= of['ratio']['median'] <= of['ratio']['high']
        assert of['difference']['equal_images'] == equal
        assert (of['difference']['largest'] == 0) == bool(equal)


def test_a_later_epoch_decodes_nothing(monkeypatch):
    """The pipelines that take turns: how much each decodes, and where it stands."""
    turns = []

    def rate(dataset):
        seen, decode = [], cv2.imdecode
        monkeypatch.setattr(cv2, 'imdecode', lambda *a: seen.append(1) or decode(*a))
        items = [dataset[i] for i in range(len(dataset))]
        monkeypatch.setattr(cv2, 'imdecode', decode)
        turns.append((len(items), len(seen)))
        return 1.0 + len(turns), 2.0 + len(turns)

    monkeypatch.setattr(kept, 'rate', rate)
    found = kept.kept_images([kept.Files((60, 50), 2, 3)], 2)
    # The default, decoding, ours; backwards in every second round.
    assert turns == [
        *((6, 6), (6, 6), (6, 6), (6, 0)),
        *((6, 6), (6, 0), (6, 6), (6, 6)),
        *((6, 6), (6, 6), (6, 6), (6, 0)),
    ]
    (setting,) = found['settings']
    assert set(setting['per_cpu_second']) == set(setting['ratios']) | {'default'}
    # The second round's turns, and the third one's.
    assert setting['per_second'][kept.LATER]['median'] == (7 + 13) / 2
    assert setting['per_cpu_second'][kept.DEFAULT]['median'] == (10 + 11) / 2
    assert setting['ratios'][kept.FIRST]['median'] == (7 / 10 + 13 / 11) / 2


@pytest.mark.slow
def test_workers_that_keep_images_are_measured():
    (setting,) = kept.kept_images([kept.Files((120, 100), 16, 1)], 2)['settings']
    for of in setting['per_second'], setting['per_cpu_second'], setting['ratios']:
        assert all(
            0 < each['low'] <= each['median'] <= each['high'] for each in of.values()
        )
