"""All candidates, weighed by p, first order (Liu et al., ICLR 2019)."""

_base_ = '../search.py'

model = dict(gradient_estimator=dict(type='DARTSGradient'))
