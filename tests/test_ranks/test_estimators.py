"""What gradient estimators keep is the same on all ranks."""

from functools import partial

import torch
from mmengine.dist import get_rank

from mmdsnas.models import AdditiveGradient, ScoreFunctionGradient
from mmdsnas.models.mutators import PathSample
from tests.ranks import on_ranks
from tests.toy import all_paths, prepared, smooth_net


def baselines():
    """After steps whose losses are 1 and 5 on the first rank, 3 and 7 on the second."""
    torch.manual_seed(0)
    mutator = prepared(smooth_net())
    estimator, seen = ScoreFunctionGradient(momentum=0.5), []
    for loss in (1.0, 5.0):
        value = torch.tensor(loss + 2 * get_rank())
        draw = PathSample(mutator, all_paths(mutator)[get_rank()])
        estimator(draw, partial(dict, loss=value))['loss'].backward()
        seen.append(estimator.baseline.item())
    return seen, estimator.block_rewards.tolist()


def test_the_moving_baseline_is_that_of_all_ranks(tmp_path):
    (first, one), (second, two) = on_ranks(2, tmp_path, baselines)
    # The means are 2 and 6; the advantage is that of the rank's own loss.
    assert first == second == [2.0, 4.0]
    assert one == [3.0] * 3 and two == [5.0] * 3


def moments():
    """After a step whose loss is 1 on the first rank, and 3 on the second."""
    torch.manual_seed(0)
    mutator = prepared(smooth_net())
    estimator = AdditiveGradient()
    estimator.prepare(*mutator.probs().shape)
    sample = PathSample(mutator, all_paths(mutator)[get_rank()])
    estimator(sample, partial(dict, loss=torch.tensor(1.0 + 2 * get_rank())))
    return estimator.moments[-2:].tolist()


def test_a_fit_is_of_the_paths_of_all_ranks(tmp_path):
    first, second = on_ranks(2, tmp_path, moments)
    assert first == second
    ones, losses = first
    # Both have the first candidates of two groups; of the third, each its own.
    assert ones == [2, 0, 0, 2, 0, 0, 1, 1, 0, 2, 4]
    assert losses == [4, 0, 0, 4, 0, 0, 1, 3, 0, 4, 10]
