"""A baseline: the reward of the paper."""

_base_ = './_base_/supernet_1xb128_fashion-mnist.py'

model = dict(gradient_estimator=dict(type='DSNASGradient'))
