"""A baseline: soft Gumbel-softmax samples of all candidates."""

_base_ = './_base_/supernet_1xb128_fashion-mnist.py'

model = dict(gradient_estimator=dict(type='SNASGradient'))
