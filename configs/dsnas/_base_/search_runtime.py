"""What a search needs beyond training a network."""

_base_ = './default_runtime.py'

custom_hooks = [
    dict(type='SearchStageHook'),
    dict(type='SearchLogHook'),
    dict(type='LoadFromHook'),
    dict(type='AverageBNStatsHook'),
    dict(type='RecordSubnetHook'),
    dict(type='SafeCheckpointHook'),
    dict(type='ExportChildHook'),
]

# The candidates that are not on a rank's path get no gradient there.
model_wrapper_cfg = dict(
    type='MMDistributedDataParallel',
    find_unused_parameters=True,
    broadcast_buffers=False,
)
