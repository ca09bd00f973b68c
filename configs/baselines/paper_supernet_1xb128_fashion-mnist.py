"""A baseline: the reward of the paper."""

_base_ = '../dsnas/dsnas_supernet_1xb128_fashion-mnist.py'

model = dict(gradient_estimator=dict(type='DSNASGradient'))
default_hooks = dict(compare_child=None)
