"""The paper's estimator (Hu et al., CVPR 2020)."""

_base_ = './search.py'

model = dict(gradient_estimator=dict(type='DSNASGradient'))
