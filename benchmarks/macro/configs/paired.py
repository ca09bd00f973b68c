"""Two paths on the same batch."""

_base_ = './search.py'

model = dict(gradient_estimator=dict(type='PairedGradient'))
