"""REINFORCE with a moving baseline (Williams 1992)."""

_base_ = '../search.py'

model = dict(gradient_estimator=dict(type='ScoreFunctionGradient'))
