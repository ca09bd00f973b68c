"""A baseline: the loss of a path minus its moving average."""

_base_ = '../dsnas/dsnas_supernet_1xb128_fashion-mnist.py'

model = dict(gradient_estimator=dict(type='ScoreFunctionGradient'))
default_hooks = dict(compare_child=None)
