"""A baseline: binary gates of two paths."""

_base_ = './_base_/supernet_1xb128_fashion-mnist.py'

model = dict(gradient_estimator=dict(type='ProxylessGradient'))

# Alpha is trained on one half of the images, the weights on the other.
train_dataloader = dict(batch_sampler=dict(type='AlternatingBatchSampler'))
default_hooks = dict(held_out_batch=dict(type='HeldOutBatchHook'))
