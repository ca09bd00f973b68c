from collections import Counter

import pytest
from mmengine.dataset import DefaultSampler, InfiniteSampler
from torch.utils.data import DataLoader

from mmdsnas.datasets import AlternatingBatchSampler, NoSingleImageBatchSampler
from mmdsnas.errors import ConfigError


def batches(monkeypatch, num, size, rank=0, world=1, epoch=0, uses_held_out=True):
    """An epoch of one rank, and the sampler."""
    monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda: (rank, world))
    sampler = AlternatingBatchSampler(DefaultSampler(range(num), seed=7), size)
    sampler.sampler.set_epoch(epoch)
    sampler.uses_held_out = uses_held_out
    loader = DataLoader(range(num), batch_sampler=sampler, collate_fn=list)
    found = list(loader)
    assert len(found) == len(loader) == len(sampler)
    return found


def images(lists):
    return [i for part in lists for i in part]


@pytest.mark.parametrize('num, size', [(16, 4), (20, 4), (21, 4), (3, 2), (2, 8)])
def test_batches_of_two_halves_in_turn(monkeypatch, num, size):
    """An epoch has every image; what a half is stays so."""
    first = batches(monkeypatch, num, size)
    even, odd = images(first[::2]), images(first[1::2])
    assert not set(even) & set(odd)
    assert set(even) | set(odd) == set(range(num))
    assert len(even) == len(odd) == (num + 1) // 2
    for epoch in (1, 2):
        other = batches(monkeypatch, num, size, epoch=epoch)
        assert set(images(other[::2])) == set(even)
        assert set(images(other[1::2])) == set(odd)


def test_halves_are_no_pattern_of_the_files(monkeypatch):
    """Classes that alternate, or come one after another, are in both halves."""
    first, again = (batches(monkeypatch, 40, 4, epoch=3) for _ in range(2))
    assert first == again != batches(monkeypatch, 40, 4, epoch=4)
    even = batches(monkeypatch, 1000, 10)[::2]
    for group in (range(0, 1000, 2), range(500), range(0, 1000, 10)):
        share = len(set(images(even)) & set(group)) / len(group)
        assert 0.35 < share < 0.65


@pytest.mark.parametrize('num', [32, 33, 37])
def test_ranks_alternate_alike(monkeypatch, num):
    ranks = [batches(monkeypatch, num, 4, rank, 2) for rank in (0, 1)]
    whole = batches(monkeypatch, num, 4)
    sizes = [[len(batch) for batch in rank] for rank in ranks]
    assert sizes[0] == sizes[1]
    for turn in (0, 1):
        # As without ranks, but for what makes their numbers even.
        dealt = Counter(images(images([rank[turn::2] for rank in ranks])))
        assert set(dealt) == set(images(whole[turn::2]))
        assert sum(dealt.values()) <= len(dealt) + 2


def test_no_batch_of_one_image(monkeypatch):
    """Of halves of 9 images by 4; of halves of one image there is no other batch."""
    assert [len(batch) for batch in batches(monkeypatch, 18, 4)] == [4, 4, 4, 4]
    assert [len(batch) for batch in batches(monkeypatch, 2, 4)] == [1, 1]
    # Of halves of 18 images, 9 on each rank.
    for rank in (0, 1):
        found = batches(monkeypatch, 35, 4, rank, 2)
        assert [len(batch) for batch in found] == [4, 4, 4, 4]


def test_an_epoch_without_what_is_held_out(monkeypatch):
    """As long, with each image of the other half twice, in two orders."""
    with_both = batches(monkeypatch, 40, 4)
    found = batches(monkeypatch, 40, 4, uses_held_out=False)
    assert len(found) == len(with_both)
    assert Counter(images(found)) == {i: 2 for i in images(with_both[::2])}
    assert images(found[::2]) != images(found[1::2])


@pytest.mark.parametrize(
    'sampler, sentence',
    [
        (InfiniteSampler(range(4), seed=0), 'DefaultSampler.*is InfiniteSampler'),
        (DefaultSampler(range(4), seed=0, round_up=False), 'with round_up=False'),
        (DefaultSampler(range(1), seed=0), 'at least 2 images.*has 1'),
    ],
)
def test_what_cannot_be_halved_is_refused(sampler, sentence):
    with pytest.raises(ConfigError, match=sentence):
        AlternatingBatchSampler(sampler, 4)


@pytest.mark.parametrize(
    'num, size, world, sizes',
    [
        (17, 16, 1, [16]),
        (18, 16, 1, [16, 2]),
        (16, 16, 1, [16]),
        (33, 16, 2, [16]),
        # There is no other batch.
        (1, 16, 1, [1]),
        (3, 1, 1, [1, 1, 1]),
    ],
)
def test_only_a_single_image_is_left_out(monkeypatch, num, size, world, sizes):
    """Of 33 images each of two ranks has 17."""
    monkeypatch.setattr('mmengine.dataset.sampler.get_dist_info', lambda: (0, world))
    batches = NoSingleImageBatchSampler(DefaultSampler(range(num), seed=0), size)
    assert [len(batch) for batch in batches] == sizes
    assert len(batches) == len(sizes)
