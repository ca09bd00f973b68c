"""What gradient estimators keep is the same on all ranks."""

from functools import partial

import torch
from mmengine.dist import get_rank

from mmdsnas.models import ScoreFunctionGradient
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
