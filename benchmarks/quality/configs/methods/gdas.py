"""GDAS (Dong and Yang, CVPR 2019): held-out batches, as there."""

_base_ = '../held_out.py'

model = dict(gradient_estimator=dict(type='GDASGradient'))
