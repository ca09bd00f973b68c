"""The draw of an iteration, as gradient estimators see it."""

from collections import Counter

import numpy as np
import torch
from scipy import stats

from mmdsnas.models.mutators import PathSample
from tests.toy import Apply, ToyNet, block, prepared, set_alpha, smooth_net

SIZES = (2, 3, 1, 5)
ALPHA = ([0.5, -0.5], [1, 0, -1], [2], [0.1, 0.2, 0.3, 0.4, 1.5])
PROBS = [np.exp(row) / np.exp(row).sum() for row in ALPHA]
CHOSEN = (1, 0, 0, 4)


def mutator_of(**kwargs):
    """Groups of different sizes."""
    add = [
        block(**{f'c{k}': Apply(lambda x, k=k: x + k) for k in range(size)})
        for size in SIZES
    ]
    mutator = prepared(ToyNet(add), **kwargs).double()
    set_alpha(mutator, *ALPHA)
    return mutator


def draw_of(mutator, chosen=CHOSEN, key=(0, 0, 0)):
    path = {n: f'c{k}' for n, k in zip(mutator.search_groups, chosen, strict=True)}
    return PathSample(mutator, path, key)


def test_log_probabilities_and_their_gradient():
    mutator = mutator_of()
    draw = draw_of(mutator)
    assert draw.chosen == list(CHOSEN)
    found = draw.log_prob(draw.chosen)
    wanted = [np.log(p[k]) for p, k in zip(PROBS, CHOSEN, strict=True)]
    assert np.abs(found.detach().numpy() - wanted).max() <= 1e-15
    weights = torch.tensor([1.0, 2.0, 3.0, 4.0], dtype=torch.float64)
    (found * weights).sum().backward()
    for alpha, p, k, w in zip(mutator.parameters(), PROBS, CHOSEN, (1, 2, 3, 4)):
        one_hot = np.arange(len(p)) == k
        assert np.abs(alpha.grad.numpy() - w * (one_hot - p)).max() <= 1e-14


def test_blocks_of_a_group_share_what_it_has():
    net = smooth_net('a', 'b', 'a')
    mutator = prepared(net).double()
    path = dict(zip(mutator.search_groups, ('sine', 'square')))
    draw = PathSample(mutator, path)
    assert draw.groups == [[net.blocks[0], net.blocks[2]], [net.blocks[1]]]
    assert draw.blocks == [net.blocks[i] for i in (0, 2, 1)]
    assert draw.candidates(draw.chosen) == ['sine', 'sine', 'square']
    values = torch.tensor([1.0, 2.0], requires_grad=True)
    assert draw.by_block(values).tolist() == [1, 1, 2]
    draw.by_block(values).sum().backward()
    assert values.grad.tolist() == [2, 1]


def test_the_second_draw_is_independent_of_the_first():
    """By the distribution, whatever the first is, and the same in every call."""
    mutator = mutator_of()
    num, count = 3000, Counter()
    for iteration in range(num):
        draw = draw_of(mutator, key=(1, iteration, 0))
        assert draw.other() == draw.other()
        count.update(enumerate(draw.other()))
    for group, p in enumerate(PROBS):
        seen = [count[group, k] for k in range(len(p))]
        assert len(p) == 1 or stats.chisquare(seen, num * p).pvalue > 1e-4


def test_a_different_second_draw():
    """From the rest of the distribution; a single candidate stays."""
    mutator = mutator_of()
    num, count = 3000, Counter()
    for iteration in range(num):
        draw = draw_of(mutator, key=(1, iteration, 0))
        count.update(enumerate(draw.other(different=True)))
    for group, (p, k) in enumerate(zip(PROBS, CHOSEN)):
        seen = np.array([count[group, i] for i in range(len(p))])
        if len(p) == 1:
            assert seen == [num]
            continue
        assert seen[k] == 0
        rest = np.delete(p, k) / (1 - p[k])
        seen = np.delete(seen, k)
        assert len(rest) == 1 or stats.chisquare(seen, num * rest).pvalue > 1e-4


def test_gumbel_noise_makes_the_sampled_path_win_and_is_gumbel_noise():
    mutator = mutator_of()
    noise, iterations = [], 3000
    for iteration in range(iterations):
        path = mutator.draw_path(5, iteration, 0)
        draw = PathSample(mutator, path, (5, iteration, 0))
        gumbels = draw.gumbels()
        won = (draw.log_probs + gumbels).argmax(-1).tolist()
        assert won == draw.chosen
        noise.append(gumbels.numpy())
    noise = np.stack(noise)
    for group, size in enumerate(SIZES):
        own = noise[:, group, :size]
        assert (noise[:, group, size:] == 0).all()
        for k in range(size):
            assert stats.kstest(own[:, k], 'gumbel_r').pvalue > 1e-4
        # Independent of each other, which truncation alone would not be.
        correlation = np.atleast_2d(np.corrcoef(own.T)) - np.eye(size)
        assert np.abs(correlation).max() < 5 / np.sqrt(iterations)


def test_another_path_is_executed_for_a_while():
    mutator = mutator_of()
    mutator.set_choices({n: f'c{k}' for n, k in zip(mutator.search_groups, CHOSEN)})
    draw = draw_of(mutator)
    with draw.executing([0, 2, 0, 3]):
        assert list(mutator.current_choices.values()) == ['c0', 'c2', 'c0', 'c3']
    assert list(mutator.current_choices.values()) == ['c1', 'c0', 'c0', 'c4']
