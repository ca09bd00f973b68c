import pytest
from mmengine.dataset import DefaultSampler

from mmdsnas.datasets import NoSingleImageBatchSampler


@pytest.mark.parametrize(
    'num, size, world, sizes',
    [
        (17, 16, 1, [16]),
        (18, 16, 1, [16, 2]),
        (16, 16, 1, [16]),
        (33, 16, 1, [16, 16]),
        # 17 images on each of two ranks.
        (33, 16, 2, [16]),
        # There is no other batch.
        (1, 16, 1, [1]),
        (3, 1, 1, [1, 1, 1]),
    ],
)
def test_only_a_single_image_is_left_out(monkeypatch, num, size, world, sizes):
    monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda: (0, world))
    batches = NoSingleImageBatchSampler(DefaultSampler(range(num), seed=0), size)
    assert [len(batch) for batch in batches] == sizes
    assert len(batches) == len(sizes)
