"""Weights on one half of the images in the search, alpha on the other, in turn."""

_base_ = './search.py'

train_dataloader = dict(batch_sampler=dict(type='AlternatingBatchSampler'))
default_hooks = dict(held_out_batch=dict(type='HeldOutBatchHook'))
