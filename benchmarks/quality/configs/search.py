"""What the searches of the benchmark have in common: stages as in the paper."""

_base_ = './_base_/chain.py'

model = dict(
    type='DSNAS',
    architecture={{_base_.chain}},
    mutator=dict(type='DifferentiableMutator', init_std=1e-3, fix_threshold=0.3),
    resource_estimator=dict(type='ResourceEstimator', input_shape=(1, 3, 28, 28)),
    gradient_estimator=dict(type='DSNASGradient'),
    cost=dict(limit=None),
    pretrain_epochs=3,
    finetune_epochs=13,
)
optim_wrapper = dict(
    constructor='SearchOptimWrapperConstructor',
    architecture=dict(type='OptimWrapper', optimizer={{_base_.optimizer}}),
    mutator=dict(
        type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-2, betas=(0.5, 0.999))
    ),
)
param_scheduler = dict(architecture={{_base_.schedule}}, mutator=[])
default_hooks = dict(
    search_stage=dict(type='SearchStageHook'),
    non_finite=dict(type='NonFiniteHook', max_consecutive=10),
    average_bn_stats=dict(type='AverageBNStatsHook'),
)
