"""A baseline: the loss of a path minus its moving average."""

_base_ = './_base_/supernet_1xb128_fashion-mnist.py'

model = dict(gradient_estimator=dict(type='ScoreFunctionGradient'))
