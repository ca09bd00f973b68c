"""A child of the chain, trained from scratch."""

_base_ = './_base_/chain.py'

model = dict(
    type='sub_model',
    cfg={{_base_.chain}},
    fix_subnet=dict(),  # filled in for each child
    data_preprocessor={{_base_.data_preprocessor}},
)
optim_wrapper = dict(type='OptimWrapper', optimizer={{_base_.optimizer}})
param_scheduler = {{_base_.schedule}}
