"""The chain of 4 blocks, trained on uniformly drawn paths."""

_base_ = './_base_/chain.py'

max_epochs = 7
# No epoch trains alpha, and paths are drawn from exactly uniform probabilities.
model = dict(
    type='DSNAS',
    architecture={{_base_.chain}},
    mutator=dict(type='DifferentiableMutator', init_std=0.0),
    resource_estimator=dict(type='ResourceEstimator', input_shape=(1, 3, 28, 28)),
    data_preprocessor={{_base_.data_preprocessor}},
    pretrain_epochs=max_epochs,
    finetune_epochs=max_epochs,
)
optim_wrapper = dict(
    constructor='SearchOptimWrapperConstructor',
    architecture=dict(type='OptimWrapper', optimizer={{_base_.optimizer}}),
    mutator=dict(type='OptimWrapper', optimizer=dict(type='Adam', lr=2e-2)),
)
param_scheduler = dict(architecture={{_base_.schedule}}, mutator=[])
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
train_dataloader = dict(dataset=dict(num_samples=10000))
default_hooks = dict(search_stage=dict(type='SearchStageHook'))
