"""What a search needs beyond training a network."""

_base_ = './default_runtime.py'

default_hooks = dict(
    search_stage=dict(type='SearchStageHook'),
    search_plan=dict(type='SearchPlanHook', time_steps=False),
    search_log=dict(type='SearchLogHook'),
    non_finite=dict(type='NonFiniteHook', max_consecutive=10),
    rank_agreement=dict(type='RankAgreementHook'),
    export_child=dict(type='ExportChildHook'),
)

# The candidates that are not on a rank's path get no gradient there; at the finetune
# stage there are none, and SearchStageHook wraps the model without the search.
model_wrapper_cfg = dict(
    type='MMDistributedDataParallel',
    find_unused_parameters=True,
    broadcast_buffers=False,
)
