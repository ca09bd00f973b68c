"""Soft Gumbel-softmax samples (Xie et al., ICLR 2019)."""

_base_ = '../search.py'

model = dict(gradient_estimator=dict(type='SNASGradient'))
