"""Distances, held against whole forward passes and the formula."""

import random

import pytest
import torch
import torch.nn as nn
import torch.nn.functional as F

from mmdsnas.engine.scoring import FAR, OutputDistance, still
from tests.small_choice import SIZE, algorithm_of
from tests.toy import Apply, all_paths
from tests.toy_run import same, with_frozen_statistics


def batches(number=2, images=4):
    generator = torch.Generator().manual_seed(0)
    shape, dtype = (images, 3, SIZE, SIZE), torch.float64
    return [
        dict(inputs=torch.randn(shape, generator=generator, dtype=dtype))
        for _ in range(number)
    ]


def search(**options):
    torch.manual_seed(0)
    algorithm = algorithm_of(input_sizes=(SIZE, 8), **options).double()
    # mmcls's gives float32.
    algorithm.data_preprocessor = Apply(lambda data, training: data)
    return with_frozen_statistics(algorithm)


class Often(nn.Module):
    """Blocks of a backbone called more than once, and one that is not called.

    What follows a block writes to its output.
    """

    def __init__(self, backbone):
        super().__init__()
        self.inner = backbone

    def forward(self, x):
        a, b, _ = self.inner.blocks
        x = self.inner.stem(x)
        for block in (a, b, a, b):
            x = block(x).mul_(2).tanh_()
        return (x,)


def by_hand(algorithm, path, size):
    """KL(first path as images come || path) by its formula, of the whole network."""
    net, wanted, found = algorithm.architecture, [], []
    net.train()
    for batch in batches():
        x = batch['inputs']
        for chosen, edge, outputs in (
            (algorithm.first_path(), SIZE, wanted),
            (path, size, found),
        ):
            algorithm.mutator.set_choices(chosen)
            images = x
            if edge != SIZE:
                images = F.interpolate(x, (edge, edge), mode='bilinear', antialias=True)
            outputs.append(net(images, mode='tensor').softmax(-1))
    p, q = torch.cat(wanted), torch.cat(found)
    return float((p * (p / q).log()).sum() / len(p))


@pytest.mark.parametrize('often', [False, True])
@pytest.mark.parametrize('groups', [None, [['backbone.blocks.0', 'backbone.blocks.1']]])
def test_scores_are_distances_of_whole_paths(groups, often):
    """To the last bit, though most blocks are not computed again."""
    algorithm = search(blocks=3, mutator=dict(custom_groups=groups))
    if often:
        algorithm.architecture.backbone = Often(algorithm.architecture.backbone)
    mutator = algorithm.mutator
    last = mutator.free[-1]
    if not often:
        mutator.fix({last: 'small'})
    distance, first = OutputDistance(algorithm, batches()), algorithm.first_path()
    for size in (SIZE, 8):
        with still(distance.algorithm):
            scores = distance.of_candidates(size)
            assert list(scores) == mutator.free
            for group, own in scores.items():
                whole = [
                    distance({**first, group: c}, size) for c in mutator.choices(group)
                ]
                assert own == whole
        far = {s for own in scores.values() for s in own}
        assert len(far) >= 3 and (0.0 in far) == (size == SIZE)
    if often:
        assert len(set(scores[last])) == 1


@torch.no_grad()
@pytest.mark.parametrize('size', [SIZE, 8])
def test_distances_by_hand(size):
    algorithm = search()
    distance, paths = OutputDistance(algorithm, batches()), all_paths(algorithm.mutator)
    with still(distance.algorithm):
        found = [distance(path, size) for path in paths]
    wanted = [by_hand(algorithm, path, size) for path in paths]
    assert len(set(found)) == 9 and found == pytest.approx(wanted, abs=1e-12)


def test_the_search_stays_as_it_was():
    algorithm = search()
    before = {k: v.clone() for k, v in algorithm.state_dict().items()}
    modes = [module.training for module in algorithm.modules()]
    attributes = [set(vars(module)) for module in algorithm.modules()]
    random.seed(1)
    torch.manual_seed(1)
    states = random.getstate(), torch.get_rng_state()
    distance = OutputDistance(algorithm, batches())
    with pytest.raises(KeyboardInterrupt), still(distance.algorithm):
        distance.of_candidates(8)
        algorithm.set_input_size(8)
        raise KeyboardInterrupt
    assert same(before, dict(algorithm.state_dict()))
    assert modes == [module.training for module in algorithm.modules()]
    assert attributes == [set(vars(module)) for module in algorithm.modules()]
    assert random.getstate() == states[0] and same(states[1], torch.get_rng_state())
    assert all(p.grad is None for p in algorithm.parameters())
    assert algorithm.given_path() is None


@pytest.mark.parametrize('spoilt', [float('nan'), float('inf')])
def test_what_is_no_number_is_far(spoilt):
    algorithm = search()
    block = algorithm.architecture.backbone.blocks[0]
    with torch.no_grad():
        block.candidate('small').linear_conv.bn.weight.fill_(spoilt)
    distance = OutputDistance(algorithm, batches())
    with still(distance.algorithm):
        own = distance.of_candidates(SIZE)[algorithm.mutator.free[0]]
    assert own[1] == FAR > own[2] > own[0] == 0
