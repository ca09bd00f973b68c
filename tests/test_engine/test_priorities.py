"""The table of priorities, and the order that correctness depends on."""

import mmengine.hooks
import pytest
from mmengine.runner import get_priority

from mmdsnas import engine
from mmdsnas.engine.hooks.priorities import PRIORITY

# Each before those that follow it.
ORDERS = [
    # The child is chosen, then what is left is fixed, then BatchNorm begins anew.
    ('ChooseChildHook', 'SelectChildHook', 'SearchStageHook', 'ResetBNStatsHook'),
    # Labels that are set, then what follows them.
    ('ChooseChildHook', 'ExactResumeHook', 'EMAHook'),
    # Random states, then whatever draws; the stage, then whose turn it is.
    ('ExactResumeHook', 'DistSamplerSeedHook'),
    ('SearchStageHook', 'HeldOutBatchHook'),
    # What is loaded, then what copies it.
    ('LoadFromHook', 'EMAHook'),
    # After a step: what is spoilt is mended, averaged, logged, saved.
    ('NonFiniteHook', 'EMAHook', 'LoggerHook', 'CheckpointHook'),
    # After a validation: written, statistics put back, sampled paths, weights put back.
    ('ExportChildHook', 'RecalibrateBNHook', 'SampledPathValHook', 'EMAHook'),
    ('SampledPathValHook', 'LoggerHook'),
    ('SearchLogHook', 'LoggerHook', 'ReportHook'),
    ('AverageBNStatsHook', 'CheckpointHook'),
    # What adds to a checkpoint, then what makes it safe.
    ('EMAHook', 'RecordSubnetHook', 'SafeCheckpointHook'),
    ('ExactResumeHook', 'SafeCheckpointHook'),
    # Before the training: checks, all other lines of the log, the plan, a validation.
    ('DataCheckHook', 'CheckpointHook', 'SearchPlanHook', 'ResumeValidationHook'),
]


@pytest.mark.parametrize('order', ORDERS, ids='-'.join)
def test_order(order):
    numbers = [PRIORITY[name] for name in order]
    # Of one number there is no order.
    assert numbers == sorted(set(numbers))


def test_every_hook_has_the_number_of_the_table():
    for name, number in PRIORITY.items():
        cls = getattr(engine, name, None) or getattr(mmengine.hooks, name)
        assert get_priority(cls.priority) == number, name
    ours = {cls for cls in vars(engine).values() if isinstance(cls, type)}
    hooks = {cls.__name__ for cls in ours if issubclass(cls, mmengine.hooks.Hook)}
    assert len(hooks) > 15 and hooks <= set(PRIORITY)
    assert list(PRIORITY.values()) == sorted(PRIORITY.values())
