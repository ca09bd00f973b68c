"""What a search needs beyond training a network."""

_base_ = './default_runtime.py'

custom_hooks = [
    dict(type='ExactResumeHook'),
    dict(type='SearchStageHook'),
    dict(type='NonFiniteHook', max_consecutive=10),
    dict(type='RankAgreementHook'),
    dict(type='SearchLogHook'),
    dict(type='LoadFromHook'),
    dict(type='AverageBNStatsHook'),
    dict(type='RecordSubnetHook'),
    dict(type='SafeCheckpointHook'),
    dict(type='ExportChildHook'),
    dict(type='ResumeValidationHook'),
]

# The candidates that are not on a rank's path get no gradient there; at the finetune
# stage there are none, and SearchStageHook wraps the model without the search.
model_wrapper_cfg = dict(
    type='MMDistributedDataParallel',
    find_unused_parameters=True,
    broadcast_buffers=False,
)
