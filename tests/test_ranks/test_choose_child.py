"""All ranks score, try and choose the same."""

import pytest
from mmengine.runner import Runner

from tests.ranks import WRAPPER, on_ranks
from tests.small_choice import config_of
from tests.toy_run import same


def run(folder):
    """A choice of ranks that see other images, with seeds of their own."""
    config = config_of(
        folder / 'work',
        model_wrapper_cfg=WRAPPER,
        train_cfg__max_epochs=2,
        train_dataloader__batch_size=4,
        default_hooks__ema=dict(type='EMAHook', momentum=0.3),
        randomness=dict(seed=3, diff_rank_seed=True),
    )
    config.launcher = 'pytorch'
    runner = Runner.from_cfg(config)
    runner.train()
    model = runner.model.module
    return dict(
        child=model.mutator.fixed,
        size=model.child_edge,
        state={k: v.clone() for k, v in model.state_dict().items()},
    )


@pytest.mark.slow
def test_ranks_choose_the_same(tmp_path):
    first, second = on_ranks(2, tmp_path, run, tmp_path)
    assert first['child'] == second['child'] and len(first['child']) == 2
    assert first['size'] == second['size']
    assert first['state']['soft_labels.logits'].shape == (24, 3)
    # Statistics of BatchNorm are averaged by then.
    assert same(first['state'], second['state'])
