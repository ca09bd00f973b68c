"""What training or testing a child alone needs."""

_base_ = './default_runtime.py'

custom_hooks = [
    dict(type='ExactResumeHook'),
    dict(type='LoadFromHook'),
    dict(type='AverageBNStatsHook'),
    dict(type='RecordSubnetHook'),
    dict(type='SafeCheckpointHook'),
    dict(type='ResumeValidationHook'),
]

model_wrapper_cfg = dict(type='MMDistributedDataParallel', broadcast_buffers=False)
