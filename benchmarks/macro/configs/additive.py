"""Effects of candidates, fitted to the losses of sampled paths."""

_base_ = './search.py'

model = dict(gradient_estimator=dict(type='AdditiveGradient'))
