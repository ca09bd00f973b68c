"""A baseline: soft Gumbel-softmax samples of all candidates."""

_base_ = '../dsnas/dsnas_supernet_1xb128_fashion-mnist.py'

model = dict(gradient_estimator=dict(type='SNASGradient'))
default_hooks = dict(compare_child=None)
