"""Hard Gumbel-softmax samples (Dong and Yang, CVPR 2019)."""

_base_ = '../search.py'

model = dict(gradient_estimator=dict(type='GDASGradient'))
