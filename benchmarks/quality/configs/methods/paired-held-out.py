"""Two paths on the same batch, on images that the weights are not trained on."""

_base_ = '../held_out.py'

model = dict(gradient_estimator=dict(type='PairedGradient'))
