"""Weights on one half of the images in the search, alpha on the other, in turn."""

_base_ = './search.py'

train_dataloader = dict(batch_sampler=dict(type='AlternatingBatchSampler'))
custom_hooks = [*_base_.custom_hooks, dict(type='HeldOutBatchHook')]
